package topnode

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/idnode/idnode/proto/topreport"
)

const (
	maxBody  = 64 << 20 // octets of a request with rows, unpacked
	maxShown = 1024     // octets of what is said of a refused row
)

// rowsEntry is rows of one node and table that were received together: those that are good, and those that are not.
type rowsEntry struct {
	Node     string          `json:"node"`
	Table    string          `json:"table"`
	Last     uint64          `json:"last"` // the greatest number
	Rows     []topreport.Row `json:"rows,omitempty"`
	Rejected []Rejection     `json:"rejected,omitempty"`
}

// Rejection says why a row was refused.
type Rejection struct {
	Seq    uint64 `json:"seq"`
	Detail string `json:"detail"`
}

// received is what is there of a node and table.
type received struct {
	last     uint64
	rows     []topreport.Row
	rejected []Rejection
}

type tableKey struct{ node, table string }

// Count is how much was received of a table.
type Count struct {
	Node     string `json:"node"`
	Table    string `json:"table"`
	Last     uint64 `json:"last"` // the greatest number of a row
	Rows     int    `json:"rows"`
	Rejected int    `json:"rejected"`
}

func (t *Top) takeRows(e *rowsEntry) {
	k := tableKey{e.Node, e.Table}
	r := t.tables[k]
	if r == nil {
		r = &received{}
		t.tables[k] = r
	}
	r.last = max(r.last, e.Last)
	r.rows = append(r.rows, e.Rows...)
	r.rejected = append(r.rejected, e.Rejected...)
}

// postRows takes rows: those at or below the greatest number that is there are done already, of the others each is
// checked by the dictionary.
func (t *Top) postRows(w http.ResponseWriter, r *http.Request) {
	table := r.PathValue("table")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body did not arrive, or is too long", http.StatusBadRequest)
		return
	}
	node, err := t.sender(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if topreport.Find(table) == nil {
		http.Error(w, "there is no such table", http.StatusNotFound)
		return
	}
	var in io.Reader = bytes.NewReader(body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			http.Error(w, "the body is not in gzip", http.StatusBadRequest)
			return
		}
		in = io.LimitReader(z, maxBody)
	}
	var rows []topreport.Row
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var row topreport.Row
			if jerr := json.Unmarshal(line, &row); jerr != nil {
				http.Error(w, fmt.Sprintf("line %d is no row: %v", n, jerr), http.StatusBadRequest)
				return
			}
			rows = append(rows, row)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
	}
	last, rejected, err := t.receive(node, table, rows)
	if err != nil {
		t.o.Logger.Error("keep rows", "node", node, "table", table, "err", err)
		http.Error(w, "the rows cannot be kept", http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, struct {
		Acknowledged uint64      `json:"acknowledged"`
		Rejected     []Rejection `json:"rejected,omitempty"`
	}{last, rejected})
}

// receive keeps rows that are new, and returns up to which row all is dealt with.
func (t *Top) receive(node, table string, rows []topreport.Row) (last uint64, rejected []Rejection, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &rowsEntry{Node: node, Table: table}
	if r := t.tables[tableKey{node, table}]; r != nil {
		e.Last = r.last
	}
	for i := range rows {
		row := &rows[i]
		if row.Seq <= e.Last && row.Seq > 0 {
			continue
		}
		if faults := topreport.Check(table, row); len(faults) > 0 {
			detail := faults[0].String()
			e.Rejected = append(e.Rejected, Rejection{row.Seq, detail[:min(len(detail), maxShown)]})
		} else {
			e.Rows = append(e.Rows, *row)
		}
		e.Last = max(e.Last, row.Seq)
	}
	if len(e.Rows)+len(e.Rejected) > 0 {
		if err := t.journal.add(&entry{Rows: e}); err != nil {
			return 0, nil, err
		}
		t.takeRows(e)
	}
	return e.Last, e.Rejected, nil
}

// Counts lists what has been received, by node and table.
func (t *Top) Counts() []Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Count
	for k, r := range t.tables {
		all = append(all, Count{k.node, k.table, r.last, len(r.rows), len(r.rejected)})
	}
	slices.SortFunc(all, func(x, y Count) int { return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Table, y.Table)) })
	return all
}

// Rows are the good rows of a node and table, in the order in which they came.
func (t *Top) Rows(node, table string) []topreport.Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.tables[tableKey{node, table}]; r != nil {
		return slices.Clone(r.rows)
	}
	return nil
}

// Rejected are the rows of a node and table that were refused.
func (t *Top) Rejected(node, table string) []Rejection {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.tables[tableKey{node, table}]; r != nil {
		return slices.Clone(r.rejected)
	}
	return nil
}

func (t *Top) getTables(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, t.Counts())
}

func (t *Top) getRows(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for _, row := range t.Rows(r.URL.Query().Get("node"), r.PathValue("table")) {
		if err := out.Encode(row); err != nil {
			return // the client is gone
		}
	}
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is not told
}
