package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_registry_requests_total",
			Help: "Requests to the registration API, by status.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "idnode_registry_request_duration_seconds",
			Help:    "Time from a request's header to the end of its answer; of an import the whole stream.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"route", "method"}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.duration))
}

// methods are those that are told apart: a client may invent others.
var methods = map[string]string{
	http.MethodGet: "GET", http.MethodPost: "POST", http.MethodPut: "PUT", http.MethodPatch: "PATCH", http.MethodDelete: "DELETE", http.MethodHead: "HEAD",
}

func (m *metrics) observe(route, method string, status int, took time.Duration) {
	name, known := methods[method]
	if !known {
		name = "other"
	}
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(route, name, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route, name).Observe(took.Seconds())
}
