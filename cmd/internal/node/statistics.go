package node

import "github.com/idnode/idnode/registry/statistics"

// buildStatistics makes the counters of registrations and resolutions. Days begin in the time zone of
// the SNMS interface, as the market counts them.
func (n *Node) buildStatistics() error {
	location, err := n.cfg.SNMS.Location()
	if err != nil {
		return err
	}
	n.counts, err = statistics.New(statistics.Options{Store: n.engine, Location: location, Logger: n.log, Registerer: n.metrics})
	return err
}
