package handleserver

import (
	"runtime"
	"time"
)

// heavy bounds what costs milliseconds of CPU and comes before anybody has proved who they are: signatures,
// checks of trust, key derivation, Diffie-Hellman. Half of the processors at most are busy with it, so lookups go on.
type heavy chan struct{}

const heavyWait = 500 * time.Millisecond // for a turn; then the server is busy

func newHeavy() heavy { return make(heavy, max(1, runtime.NumCPU()/2)) }

// enter waits for a turn. It reports false if there is none in time.
func (h heavy) enter() bool {
	select {
	case h <- struct{}{}:
		return true
	default:
	}
	wait := time.NewTimer(heavyWait)
	defer wait.Stop()
	select {
	case h <- struct{}{}:
		return true
	case <-wait.C:
		return false
	}
}

func (h heavy) leave() { <-h }
