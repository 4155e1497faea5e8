package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/idnode/idnode/storage/pebblestore"
)

// source is a data directory of one moment.
type source interface {
	listing() *listing
	// open opens a file of the listing. fs.ErrNotExist: it has been removed since, which files outside the store may be.
	open(ctx context.Context, f *File) (io.ReadCloser, error)
	// done says that the backup is complete.
	done(ctx context.Context, last lastBackup) error
	Close() error
}

// errNoNode says that no node listens on the socket.
var errNoNode = errors.New("no node listens there")

// remote is a source behind a socket.
type remote struct {
	web  http.Client
	held io.Closer
	list listing
}

// connect has the node on a socket take a checkpoint, which lasts until Close or the end of ctx.
func connect(ctx context.Context, socket string) (source, error) {
	r := &remote{web: http.Client{Transport: &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) },
		ResponseHeaderTimeout: 5 * time.Minute, // a checkpoint waits for the disk
	}}}
	body, err := r.get(ctx, "/checkpoint")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			err = fmt.Errorf("%w: %w", errNoNode, err)
		}
		return nil, fmt.Errorf("ask the node on %s for a checkpoint: %w", socket, err)
	}
	if err := json.NewDecoder(body).Decode(&r.list); err != nil {
		body.Close()
		return nil, fmt.Errorf("read the checkpoint's listing: %w", err)
	}
	r.held = body
	return r, nil
}

func (r *remote) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.web.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp.Body, nil
}

func problem(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode == http.StatusGone {
		return fs.ErrNotExist
	}
	return fmt.Errorf("the node answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
}

func (r *remote) listing() *listing { return &r.list }

func (r *remote) open(ctx context.Context, f *File) (io.ReadCloser, error) {
	return r.get(ctx, (&url.URL{Path: "/checkpoint/" + r.list.ID + "/" + f.Path}).EscapedPath())
}

func (r *remote) done(ctx context.Context, last lastBackup) error {
	body, err := json.Marshal(last)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/checkpoint/"+r.list.ID, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := r.web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return problem(resp)
	}
	return nil
}

func (r *remote) Close() error {
	err := r.held.Close()
	r.web.CloseIdleConnections()
	return err
}

// local is the source of a data directory whose node does not run.
type local struct {
	store *pebblestore.Store
	image *image
	list  listing
}

// readCache is enough for stores that are read once, from one end to the other.
const readCache = 32 << 20

// openLocal opens the store, which no other process may have open, and pins it.
func openLocal(ctx context.Context, dataDir, version string) (source, error) {
	dir := filepath.Join(dataDir, StoreDir)
	if _, err := os.Stat(dir); err != nil { // or a store would be made
		return nil, fmt.Errorf("there is no store: %w", err)
	}
	// The disk may be full: a backup is not what must not be made then.
	store, err := pebblestore.Open(dir, pebblestore.Options{CacheBytes: readCache, MinFreeBytes: 1})
	if err != nil {
		return nil, fmt.Errorf("no node answers on %s, and the store cannot be opened: %w", filepath.Join(dataDir, SocketFile), err)
	}
	l := &local{store: store}
	if err := l.pin(ctx, dataDir, version); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *local) pin(ctx context.Context, dataDir, version string) error {
	id := uuid.NewString()
	pinned := filepath.Join(dataDir, checkpointsDir)
	if err := os.RemoveAll(pinned); err != nil {
		return err
	}
	taken := time.Now().UTC().Truncate(time.Millisecond)
	var err error
	if l.image, err = newImage(ctx, l.store, dataDir, filepath.Join(pinned, id)); err != nil {
		return err
	}
	who, err := count(ctx, l.store, false)
	if err != nil {
		return err
	}
	l.list = listing{id, taken, version, who.store, l.image.position, dataDir, l.image.files}
	return nil
}

func (l *local) listing() *listing { return &l.list }

func (l *local) open(_ context.Context, f *File) (io.ReadCloser, error) { return l.image.open(f) }

func (l *local) done(ctx context.Context, last lastBackup) error {
	return writeLast(ctx, l.store, last)
}

func (l *local) Close() error {
	var err error
	if l.image != nil {
		err = l.image.remove()
	}
	return errors.Join(err, l.store.Close())
}
