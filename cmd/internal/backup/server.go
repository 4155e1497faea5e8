package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/storage"
)

// Options configures a Server. DataDir, Store and Checkpointer are required.
type Options struct {
	DataDir      string
	Store        storage.Store
	Checkpointer storage.Checkpointer

	// Version is told in manifests.
	Version string

	// Logger takes which backups were made. Default: discard.
	Logger *slog.Logger

	// Registerer takes the metrics. Default: none are kept.
	Registerer prometheus.Registerer
}

// Server gives a running node's data directory to clients of the socket in it.
type Server struct {
	o   Options
	met *metrics

	mu   sync.Mutex
	open map[string]*image
}

// NewServer returns a server, and removes what earlier processes have pinned: the caller has the store open, so that nobody
// uses it any more.
func NewServer(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, open: make(map[string]*image), met: newMetrics()}
	if err := os.RemoveAll(filepath.Join(o.DataDir, checkpointsDir)); err != nil {
		return nil, fmt.Errorf("remove old checkpoints: %w", err)
	}
	last, err := readLast(context.Background(), o.Store)
	if err != nil {
		return nil, err
	}
	if !last.Taken.IsZero() {
		s.met.last.Set(float64(last.Taken.Unix()))
	}
	if o.Registerer != nil {
		if err := s.met.register(o.Registerer); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run serves until ctx ends; backups under way are broken off. Without the socket, on a file system that has none for example, the node
// runs as well, so that an error is one to log.
func (s *Server) Run(ctx context.Context) error {
	path := filepath.Join(s.o.DataDir, SocketFile)
	ln, err := listen(path)
	if err != nil {
		return fmt.Errorf("listen for backups: %w", err)
	}
	defer os.Remove(path)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", s.checkpoint)
	mux.HandleFunc("GET /checkpoint/{id}/{path...}", s.file)
	mux.HandleFunc("POST /checkpoint/{id}", s.done)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog: slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(stop) != nil { // the requests end with ctx; a client that reads nothing is cut
			_ = srv.Close()
		}
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// listing is what a client is told of a checkpoint.
type listing struct {
	ID       string      `json:"id"`
	Taken    time.Time   `json:"taken"`
	Version  string      `json:"version"`
	Store    string      `json:"store"`
	Position storage.Seq `json:"position"`
	DataDir  string      `json:"dataDir"`
	Files    []File      `json:"files"`
}

// checkpoint pins the state of this moment, tells its files, and lets go when the client does.
func (s *Server) checkpoint(w http.ResponseWriter, req *http.Request) {
	id := uuid.NewString()
	taken := time.Now().UTC().Truncate(time.Millisecond)
	m, err := newImage(req.Context(), s.o.Checkpointer, s.o.DataDir, filepath.Join(s.o.DataDir, checkpointsDir, id))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.mu.Lock()
	s.open[id] = m
	s.met.open.Set(float64(len(s.open)))
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.open, id)
		s.met.open.Set(float64(len(s.open)))
		s.mu.Unlock()
		if err := m.remove(); err != nil {
			s.o.Logger.Error("remove a checkpoint", "err", err)
		}
	}()
	who, err := count(req.Context(), s.o.Store, false)
	if err != nil {
		s.fail(w, err)
		return
	}
	dataDir, err := filepath.Abs(s.o.DataDir)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.o.Logger.Info("checkpoint taken", "seq", m.position, "took", time.Since(taken))
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(listing{id, taken, s.o.Version, who.store, m.position, dataDir, m.files}); err != nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-req.Context().Done()
}

func (s *Server) image(id string) *image {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id]
}

// file sends a file of a checkpoint, as many octets as the listing says: the log of requests grows meanwhile.
func (s *Server) file(w http.ResponseWriter, req *http.Request) {
	m := s.image(req.PathValue("id"))
	if m == nil {
		http.NotFound(w, req)
		return
	}
	i, ok := m.index[req.PathValue("path")]
	if !ok {
		http.NotFound(w, req)
		return
	}
	f, err := m.open(&m.files[i])
	if errors.Is(err, os.ErrNotExist) {
		http.Error(w, "it has gone meanwhile", http.StatusGone)
		return
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(m.files[i].Size, 10))
	_, _ = io.Copy(w, f) // what is missing the client counts
}

// done notes that a backup of the checkpoint is complete.
func (s *Server) done(w http.ResponseWriter, req *http.Request) {
	m := s.image(req.PathValue("id"))
	var last lastBackup
	if m == nil {
		http.NotFound(w, req)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<16)).Decode(&last); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := writeLast(req.Context(), s.o.Store, last); err != nil {
		s.o.Logger.Warn("a backup was not noted", "err", err) // the disk is full, for example; it is good all the same
	}
	s.met.last.Set(float64(last.Taken.Unix()))
	s.o.Logger.Info("backup complete", "seq", last.Position)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	s.o.Logger.Error("backup", "err", err)
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// open opens a file of the image, as long as it was.
func (m *image) open(f *File) (io.ReadCloser, error) {
	file, err := os.Open(m.paths[m.index[f.Path]])
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, f.Size), file}, nil
}

// lastBackup is kept in the store of the newest backup of it that is complete.
type lastBackup struct {
	Taken    time.Time   `json:"taken"`
	Position storage.Seq `json:"position"`
}

func lastKey() []byte { return storage.MetaKey("backup") }

func readLast(ctx context.Context, s storage.Reader) (last lastBackup, err error) {
	item, err := s.Get(ctx, lastKey())
	if errors.Is(err, storage.ErrNotFound) {
		return last, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &last)
	}
	if err != nil {
		return last, fmt.Errorf("read when the last backup was: %w", err)
	}
	return last, nil
}

func writeLast(ctx context.Context, s storage.Writer, last lastBackup) error {
	value, err := json.Marshal(last)
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Set(lastKey(), value)
	_, err = s.Apply(ctx, &b)
	return err
}
