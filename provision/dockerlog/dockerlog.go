// Package dockerlog finds in Docker's log why it did not start, and whether it refused a reload. What the lines
// quote of daemon.json is hidden.
package dockerlog

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/redact"
)

const (
	// maxErrorLines is how many of Docker's own lines are kept, the newest.
	maxErrorLines = 6
	// maxErrorLine is how many bytes of a line are kept: a Go program that panics
	// can log all its goroutines in one line.
	maxErrorLine = 500
	// journalTimeout limits how long the journal may take to answer.
	journalTimeout = 5 * time.Second
)

// Errors returns the last errors that Docker logged since a time, among them the
// reason why it did not start. It returns no other lines: on a reload, dockerd logs the
// whole daemon.json, which may hold credentials. It also hides what the lines quote of it. It
// returns nil if the journal cannot be read.
func Errors(ctx context.Context, h *host.Host, since time.Time) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
	defer cancel()
	lines, err := h.Units.Said(ctx, host.DockerUnit, since)
	if err != nil {
		h.Logger().Debug("docker's log cannot be read", zap.Error(err))
		return nil
	}
	secrets := quotable(ctx, h)
	var kept []string
	for _, line := range lines {
		switch {
		case strings.Contains(line, "level=error"), strings.Contains(line, "level=fatal"):
		case strings.HasPrefix(line, "failed to "), strings.HasPrefix(line, "unable to configure"):
		default:
			continue
		}
		line = secrets.Hide(line)
		kept = append(kept, line[:min(len(line), maxErrorLine)])
	}
	return kept[max(0, len(kept)-maxErrorLines):]
}

// quotable are the values of daemon.json and of dockerd's command line that are not shown.
func quotable(ctx context.Context, h *host.Host) redact.Quotable {
	unit, err := h.Docker(ctx)
	if err != nil {
		h.Logger().Debug("docker.service cannot be read", zap.Error(err))
	}
	argv, flags, err := h.CommandLine(unit)
	if err != nil {
		h.Logger().Debug("dockerd's command line cannot be read", zap.Error(err))
	}
	text, err := durable.ReadLimited(flags.ConfigFile, daemonjson.MaxBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.Logger().Debug("daemon.json cannot be read", zap.Error(err))
	}
	return redact.InDaemonJSON(text, argv)
}

// refusals are what dockerd logs at level error when it does not take daemon.json on a
// reload (moby daemon/config/config.go and cmd/dockerd/daemon.go, 20.10 to 28; the last
// one: daemon/command/daemon.go, from 29 on).
var refusals = []string{
	"unable to configure the Docker daemon with file",
	"file configuration validation failed",
	"conflict labels for",
	"Error reconfiguring the daemon",
	"Error reloading configuration",
}

// RefusedReload reports whether dockerd has logged, since a time, that it refused to reload
// its configuration. It is false if the journal cannot be read.
func RefusedReload(ctx context.Context, h *host.Host, since time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	lines, err := h.Units.Said(ctx, host.DockerUnit, since)
	if err != nil {
		h.Logger().Debug("docker's log cannot be read", zap.Error(err))
		return false
	}
	return slices.ContainsFunc(lines, func(line string) bool {
		// The journal's own times are too coarse to tell this reload from an earlier one.
		at, level := stampOf(line)
		return level == "error" && !at.Before(since) &&
			slices.ContainsFunc(refusals, func(text string) bool { return strings.Contains(line, text) })
	})
}

// stampOf returns the time and the level of a line of dockerd's log, in either of its
// formats (log-format, from 25.0 on). The level is "" if it has another format.
func stampOf(line string) (at time.Time, level string) {
	var stamp string
	if strings.HasPrefix(line, "{") {
		var entry struct{ Time, Level string }
		if json.Unmarshal([]byte(line), &entry) != nil {
			return time.Time{}, ""
		}
		stamp, level = entry.Time, entry.Level
	} else {
		var rest string
		stamp, rest, _ = strings.Cut(strings.TrimPrefix(line, `time="`), `" level=`)
		level, _, _ = strings.Cut(rest, " ")
	}
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return time.Time{}, ""
	}
	return at, level
}
