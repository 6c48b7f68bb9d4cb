package validate

import (
	"context"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
)

// Begun is a check by dockerd that runs while the caller does something else. nil is none.
type Begun struct {
	question
	cancel   context.CancelFunc
	done     chan struct{} // closed when accepted and err are set
	accepted bool
	err      error
}

// Begin begins to let dockerd check doc. It returns nil if dockerd need not or cannot be
// asked. The check ends with ctx. The caller must call End.
func Begin(ctx context.Context, h *host.Host, doc daemonjson.Document, o host.Observed) *Begun {
	q, asks, _, err := questionOf(h, doc, o)
	if err != nil || !asks || q.key == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &Begun{question: q, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		b.accepted, b.err = dockerdAccepts(ctx, h, q)
	}()
	return b
}

// End ends the check if it still runs.
func (b *Begun) End() {
	if b != nil {
		b.cancel()
		<-b.done
	}
}

// Document is the function Document, and takes the verdict of b if that is about exactly this
// text.
func (b *Begun) Document(ctx context.Context, h *host.Host, doc daemonjson.Document, o host.Observed) (accepted bool, key string, err error) {
	q, asks, accepted, err := questionOf(h, doc, o)
	if err != nil || !asks {
		return accepted, "", err
	}
	if b.isAbout(q) {
		select {
		case <-b.done:
			accepted, err = b.accepted, b.err
		case <-ctx.Done():
		}
	}
	if !accepted {
		// Without a verdict, or with one that a person would read, dockerd is asked about
		// this very text.
		accepted, err = dockerdAccepts(ctx, h, q)
	}
	if !accepted || err != nil {
		return false, "", err
	}
	return true, q.key, nil
}

// isAbout reports whether b asks q. The key alone would do, but leaves out what dockerd does
// not check.
func (b *Begun) isAbout(q question) bool {
	return b != nil && q.key != "" && b.key == q.key && slices.Equal(b.argv, q.argv)
}
