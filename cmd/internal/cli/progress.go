package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is the bar of an import on a terminal: octets of the file for the share and the time
// left, rows for the rate. A nil progress shows nothing.
type progress struct {
	bar   *progressbar.ProgressBar
	name  string
	begin time.Time
}

// newProgress returns nil unless w is a terminal.
func newProgress(w io.Writer, name string, size int64) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &progress{name: name, begin: time.Now(), bar: progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionClearOnFinish(),
	)}
}

// advance shows that the file was dealt with up to an octet, and that many rows.
func (p *progress) advance(octets int64, rows int) {
	if p == nil {
		return
	}
	rate := float64(rows) / max(time.Since(p.begin).Seconds(), 1e-3)
	p.bar.Describe(fmt.Sprintf("%s  %d rows  %.0f rows/s", p.name, rows, rate))
	_ = p.bar.Set64(octets) // a terminal that went away is no reason to stop
}

func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Finish()
	}
}
