package host

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// maxErrorLines is how many of Docker's own lines an error carries.
	maxErrorLines = 6
	// maxErrorLine is how much of one is kept, in bytes: a Go program that panics
	// says all its goroutines in one.
	maxErrorLine = 500
	// journalTimeout bounds the look into the journal.
	journalTimeout = 5 * time.Second
)

// DockerErrors are Docker's last words since a moment: its errors and what it said as
// it failed to start. Its other lines stay out: a reload logs the whole of
// daemon.json, with the credentials that may be in it.
func (h *Host) DockerErrors(ctx context.Context, since time.Time) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
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
		words = append(words, line[:min(len(line), maxErrorLine)])
	}
	return words[max(0, len(words)-maxErrorLines):]
}
