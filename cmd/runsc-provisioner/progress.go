package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// stalledAfter is how long no data may arrive before the user is told.
const stalledAfter = 5 * time.Second

// progress shows how far a download or a copy is. On a terminal it draws a bar. Elsewhere it
// prints a line only when no data arrives. Its methods may be called at the same time.
type progress struct {
	to    *console
	draws bool
	after time.Duration // 0 is stalledAfter

	mu       sync.Mutex
	bar      *progressbar.ProgressBar
	label    string
	moved    time.Time   // when data last arrived
	timer    *time.Timer // until the next look for a stall; nil before the start
	reported bool        // this stall was reported
}

// move shows how much data has arrived.
func (p *progress) move(s steps.Step, done release.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved, p.label = time.Now(), barLabel(s)
	// What comes after the last byte, such as unpacking, waits for no data.
	if _, fetches := s.(steps.InstallRelease); fetches && done.Done != done.Total {
		p.watch()
	} else {
		p.unwatch()
	}
	const small = 64 << 10 // such as a file with a digest
	if !p.draws || done.Total < small {
		p.reported = p.reported && done.Done == 0
		return
	}
	if p.bar == nil {
		// Drawn on standard error, so that piped output stays clean.
		p.bar = progressbar.NewOptions64(done.Total,
			progressbar.OptionSetWriter(p.to.stderr),
			progressbar.OptionSetWidth(barWidth()),
			progressbar.OptionSetDescription("  "+p.label),
			progressbar.OptionShowBytes(true),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionEnableColorCodes(p.to.color),
			progressbar.OptionThrottle(100*time.Millisecond),
		)
	}
	if p.reported {
		p.reported = false
		p.bar.Describe("  " + p.label)
	}
	// When images are saved, the total is an estimate.
	if done.Total != p.bar.GetMax64() {
		p.bar.ChangeMax64(done.Total)
	}
	// The run goes on if the bar cannot be drawn.
	_ = p.bar.Set64(done.Done)
}

// end removes the bar, and watches no more.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unwatch()
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}

func (p *progress) limit() time.Duration {
	if p.after > 0 {
		return p.after
	}
	return stalledAfter
}

// watch looks for a stall from now on.
func (p *progress) watch() {
	p.unwatch()
	var timer *time.Timer
	timer = time.AfterFunc(p.limit(), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer {
			p.stalled()
			timer.Reset(min(p.limit(), time.Second))
		}
	})
	p.timer = timer
}

func (p *progress) unwatch() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// stalled tells the user once per stall, or on a bar how long it has lasted.
func (p *progress) stalled() {
	silent := time.Since(p.moved)
	switch {
	case silent < p.limit():
	case p.bar != nil:
		p.reported = true
		p.bar.Describe(fmt.Sprintf("  %s (no data for %d s)", p.label, int(silent.Seconds())))
	case !p.reported:
		p.reported = true
		p.to.complain("note: %s: no data from the release server for %s; if that goes on, it is tried again\n",
			p.label, durationText(p.limit()))
	}
}

// barWidth is the width of the bar itself, which is shorter on a narrow terminal.
func barWidth() int {
	const usual, beside = 40, 60
	columns, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		return usual
	}
	return min(usual, max(columns-beside, 5))
}

// barLabel is the label of the bar.
func barLabel(s steps.Step) string {
	switch s.(type) {
	case steps.SaveImages:
		return "saving images"
	case steps.LoadImages:
		return "loading images"
	default:
		return "downloading"
	}
}
