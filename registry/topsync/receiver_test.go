package topsync_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/topreport"
)

// receiver is a top-level node that takes JSON lines. It stands for the network, too, so that requests and answers get
// lost between.
type receiver struct {
	mu      sync.Mutex
	rng     *rand.Rand
	bad     float64 // how often something goes wrong
	down    bool
	refuse  func(r *topreport.Row) string
	tables  map[string][]topreport.Row
	faults  []string
	calls   int
	clients map[string]int // how often each kind of trouble came
}

func newReceiver(seed uint64) *receiver {
	return &receiver{rng: rand.New(rand.NewPCG(seed, 1)), tables: make(map[string][]topreport.Row), clients: make(map[string]int)}
}

// trouble is what goes wrong with a request.
func (c *receiver) trouble() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := ""
	switch {
	case c.down:
		kind = "down"
	case c.rng.Float64() < c.bad:
		kind = []string{"lost", "answer lost", "slow", "silent", "twice", "error", "garbage", "too much", "too little", "nothing", "half", "cut"}[c.rng.IntN(12)]
	}
	c.clients[kind]++
	return kind
}

// RoundTrip implements http.RoundTripper.
func (c *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	kind := c.trouble()
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	serve := func() *http.Response {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		w := httptest.NewRecorder()
		c.serve(w, again, kind)
		return w.Result()
	}
	switch kind {
	case "down", "lost":
		return nil, errors.New("connection refused")
	case "answer lost":
		serve()
		return nil, errors.New("connection reset")
	case "silent":
		return nil, wait(time.Hour)
	case "slow":
		c.mu.Lock()
		d := time.Duration(c.rng.Int64N(int64(40 * time.Second)))
		c.mu.Unlock()
		if err := wait(d); err != nil {
			return nil, err
		}
	case "twice":
		serve()
	}
	return serve(), nil
}

func (c *receiver) serve(w http.ResponseWriter, r *http.Request, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if kind == "error" {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	table := strings.TrimPrefix(r.URL.Path, "/sync/tables/")
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		c.faults = append(c.faults, err.Error())
		return
	}
	var rows []topreport.Row
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var row topreport.Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			c.faults = append(c.faults, err.Error())
		}
		rows = append(rows, row)
	}
	if kind == "half" {
		rows = rows[:len(rows)/2]
	}
	highest := uint64(0)
	if have := c.tables[table]; len(have) > 0 {
		highest = have[len(have)-1].Seq
	}
	rejected := []map[string]any{}
	for i := range rows {
		row := &rows[i]
		if row.Seq <= highest {
			continue
		}
		for _, f := range topreport.Check(table, row) {
			c.faults = append(c.faults, fmt.Sprintf("%s %d: %s", table, row.Seq, f))
		}
		if c.refuse != nil {
			if why := c.refuse(row); why != "" {
				rejected = append(rejected, map[string]any{"seq": row.Seq, "detail": why})
				highest = row.Seq
				continue
			}
		}
		if i > 0 && rows[i-1].Seq >= row.Seq {
			c.faults = append(c.faults, fmt.Sprintf("%s: row %d behind %d", table, row.Seq, rows[i-1].Seq))
		}
		highest = row.Seq
		c.tables[table] = append(c.tables[table], *row)
	}
	switch kind {
	case "garbage":
		io.WriteString(w, "<html>it works</html>")
		return
	case "too much":
		highest += 1 << 40
	case "too little":
		highest = 0
	case "nothing":
		io.WriteString(w, "{}")
		return
	case "cut":
		io.WriteString(w, `{"acknowledged":`)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"acknowledged": highest, "rejected": rejected})
}

// set changes how the receiver behaves.
func (c *receiver) set(bad float64, down bool) {
	c.mu.Lock()
	c.bad, c.down = bad, down
	c.mu.Unlock()
}

// of are the rows of a table.
func (c *receiver) of(table string) []topreport.Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]topreport.Row(nil), c.tables[table]...)
}

// state is what the rows of a table come to, by key.
func (c *receiver) state(table string) map[string]topreport.Row {
	all := make(map[string]topreport.Row)
	for _, r := range c.of(table) {
		if r.Op == topreport.Delete {
			delete(all, r.Key)
		} else {
			all[r.Key] = r
		}
	}
	return all
}
