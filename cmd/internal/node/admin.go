package node

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/idnode/idnode/cmd/internal/version"
)

// adminHandler serves metrics, health, profiles, and what is asked for most.
func (n *Node) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics, promhttp.HandlerOpts{Registry: n.metrics, EnableOpenMetrics: true}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", n.readyz)
	mux.HandleFunc("GET /debug/hot", n.serveHot)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// readiness is what /readyz?verbose tells.
type readiness struct {
	Ready bool   `json:"ready"`
	Phase string `json:"phase"`
	Store string `json:"store"` // "ok", or why it takes no writes
	// The bound addresses, under the names of the ready line.
	Handle string `json:"handle"`
	DNS    string `json:"dns"`
	GRPC   string `json:"grpc"`
	HTTP   string `json:"http"`
	Admin  string `json:"admin"`
}

// readyz answers 200 while the node takes work: it has started, is not leaving, and its store
// takes writes. With ?verbose it says what it looked at and where the surfaces are bound.
func (n *Node) readyz(w http.ResponseWriter, req *http.Request) {
	phase := n.phase.Load()
	r := readiness{Phase: [...]string{"starting", "ready", "leaving"}[phase], Store: "ok",
		Handle: n.address("handle"), DNS: n.address("dns"), GRPC: n.address("grpc"), HTTP: n.address("http"), Admin: n.address("admin")}
	r.Ready = phase == ready
	if err := n.engine.Health(); err != nil {
		r.Ready, r.Store = false, err.Error()
	}
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	if _, verbose := req.URL.Query()["verbose"]; !verbose {
		w.WriteHeader(status)
		if r.Ready {
			_, _ = w.Write([]byte("ok\n"))
		} else {
			_, _ = w.Write([]byte("not ready: phase " + r.Phase + ", store " + r.Store + "\n"))
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(r) // the asker is gone: nobody to tell
}

// buildInfo is the metric that says which program runs.
func buildInfo(v string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_build_info", Help: "1, labelled with what the binary was built from.",
		ConstLabels: prometheus.Labels{"version": v, "revision": version.Revision(), "goversion": runtime.Version(),
			"goos": runtime.GOOS, "goarch": runtime.GOARCH},
	}, func() float64 { return 1 })
}
