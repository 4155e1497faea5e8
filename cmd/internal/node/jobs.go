package node

import (
	"path/filepath"

	"github.com/idnode/idnode/registry/job"
)

// JobsDir is where in the data directory the inputs of bulk registrations are kept.
const JobsDir = "jobs"

// buildJobs makes what keeps and runs bulk registrations.
func (n *Node) buildJobs() (err error) {
	n.jobs, err = job.New(job.Options{Registrar: n.registrar, Dir: filepath.Join(n.cfg.DataDir, JobsDir), Concurrent: n.cfg.Jobs.Concurrent,
		Retention: n.cfg.Jobs.Retention, Free: n.engine.Health, Logger: n.log, Registerer: n.metrics})
	return err
}
