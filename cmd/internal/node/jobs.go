package node

import (
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/idnode/idnode/registry/job"
)

// JobsDir is where in the data directory the inputs of bulk registrations are kept.
const JobsDir = "jobs"

// buildJobs makes what keeps and runs bulk registrations.
func (n *Node) buildJobs() (err error) {
	n.jobs, err = job.New(job.Options{Registrar: n.registrar, Dir: filepath.Join(n.cfg.DataDir, JobsDir), Concurrent: n.cfg.Jobs.Concurrent,
		Retention: n.cfg.Jobs.Retention, Free: n.engine.Health, Busy: giveWay(), Logger: n.log, Registerer: n.metrics})
	return err
}

// busyGCPercent is the garbage collector's pace (GOGC) while jobs run: they make much garbage on a small heap, so that it would run
// 25 times a second, and each run holds lookups up. The memory limit stays.
const busyGCPercent = 200

// giveWay returns what is told whether jobs run. While they do, the runtime has twice as many processors as there are: rows, the
// store's compactions and the collector compute without a break, and a question that comes in would wait until the runtime
// preempts one of them, up to 10 ms; the system's scheduler is quicker. Without jobs that would cost lookups 40 % more CPU time, since
// threads that look for work find none.
func giveWay() func(busy bool) {
	processors, percent := runtime.GOMAXPROCS(0), 0
	return func(busy bool) {
		if busy {
			runtime.GOMAXPROCS(2 * processors)
			percent = debug.SetGCPercent(busyGCPercent)
			return
		}
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
	}
}
