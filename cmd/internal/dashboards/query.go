package main

import "strings"

// window is the time over which rates are taken: Grafana makes it long enough for the interval of scrapes.
const window = "[$__rate_interval]"

// metric selects the series of a metric of the chosen nodes that match.
func metric(name string, match ...string) string {
	return name + "{" + strings.Join(append([]string{`job=~"$job"`, `instance=~"$instance"`}, match...), ",") + "}"
}

// rate is how fast a counter grows, a second.
func rate(name string, match ...string) string {
	return "rate(" + metric(name, match...) + window + ")"
}

// sum adds up an expression by labels.
func sum(expr string, by ...string) string {
	if len(by) == 0 {
		return "sum(" + expr + ")"
	}
	return "sum by (" + strings.Join(by, ", ") + ") (" + expr + ")"
}

// sumRate is the rate of a counter, added up by labels.
func sumRate(name string, by []string, match ...string) string {
	return sum(rate(name, match...), by...)
}

// quantile is a quantile of a histogram, by labels.
func quantile(q, name string, by []string, match ...string) string {
	return "histogram_quantile(" + q + ", " + sum(rate(name+"_bucket", match...), append([]string{"le"}, by...)...) + ")"
}

// share is a/b, and nothing where b is nothing.
func share(a, b string) string { return a + " / " + b }
