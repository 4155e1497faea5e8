package topnode

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// control is what people and tests steer the node with.
func (t *Top) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/pending", func(w http.ResponseWriter, _ *http.Request) {
		all := t.Pending()
		slices.Sort(all)
		answer(w, http.StatusOK, append([]string{}, all...))
	})
	mux.HandleFunc("POST /control/decide", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			ID     string
			Pass   bool
			Reason string
		}
		if !ask(w, r, &q) {
			return
		}
		if err := t.Decide(q.ID, q.Pass, q.Reason); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		answer(w, http.StatusOK, q)
	})
	mux.HandleFunc("POST /control/orders", func(w http.ResponseWriter, r *http.Request) {
		var q Order
		if !ask(w, r, &q) {
			return
		}
		if _, known := t.o.Nodes[q.Node]; !known || orderStates[q.Order] == 0 || q.Prefix == "" {
			http.Error(w, "expected are node, one that is known; order: suspend, withdraw or activate; prefix; reason", http.StatusBadRequest)
			return
		}
		o, err := t.Give(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, http.StatusOK, o)
	})
	mux.HandleFunc("POST /control/faults", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Mode       string
			Rate       float64
			Delay, For string
		}
		if !ask(w, r, &q) {
			return
		}
		f := Fault{Mode: q.Mode, Rate: q.Rate}
		for text, to := range map[*string]func(time.Duration){
			&q.Delay: func(d time.Duration) { f.Delay = d },
			&q.For:   func(d time.Duration) { f.Until = t.o.Clock().Add(d) },
		} {
			if *text == "" {
				continue
			}
			d, err := time.ParseDuration(*text)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			to(d)
		}
		if err := t.SetFault(f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, http.StatusOK, q)
	})
}

// ask reads a body of JSON.
func ask(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, "the body is not what is expected: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
