package host

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// maxSaid is how many of Docker's own lines an error carries.
	maxSaid = 6
	// maxSaidLine is how much of one is kept, in bytes: a Go program that panics
	// says all its goroutines in one.
	maxSaidLine = 500
	// saidWithin bounds the look into the journal.
	saidWithin = 5 * time.Second
)

// Said are Docker's last words since a moment: its errors and what it said as
// it failed to start. Its other lines stay out: a reload logs the whole of
// daemon.json, with the credentials that may be in it.
func (h *Host) Said(ctx context.Context, since time.Time) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saidWithin)
	defer cancel()
	lines, err := h.Units.Said(ctx, DockerUnit, since)
	if err != nil {
		h.Logger().Debug("what docker said is not known", zap.Error(err))
		return nil
	}
	var words []string
	for _, line := range lines {
		switch {
		case strings.Contains(line, "level=error"), strings.Contains(line, "level=fatal"):
		case strings.HasPrefix(line, "failed to "), strings.HasPrefix(line, "unable to configure"):
		default:
			continue
		}
		words = append(words, line[:min(len(line), maxSaidLine)])
	}
	return words[max(0, len(words)-maxSaid):]
}
