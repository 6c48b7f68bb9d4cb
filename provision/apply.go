package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/release"
)

// Event is told to Host.Report.
type Event struct {
	Kind    EventKind
	Plan    Plan             // PlanMade
	Step    Step             // StepStarted, StepDone
	Fetched release.Progress // StepProgress
	Seen    string           // StepDone: what was seen, in a few words; may be empty
	Took    time.Duration    // StepDone
	Err     error            // StepDone
}

// EventKind says what an Event is about.
type EventKind int

// In the order in which they happen.
const (
	PlanMade EventKind = iota
	StepStarted
	StepProgress
	StepDone
	RollingBack
	Recovered // Seen says what was done about a run that was killed
)

// defaultConfirmWithin is how long dockerd may take to show a change: it takes
// 50 ms, and on a loaded host has been seen to need seconds.
const defaultConfirmWithin = 15 * time.Second

// apply carries out the steps of p in order. The first that fails ends it, and
// what was done by then is undone. Of a provisional plan only the first step is
// carried out, which changes nothing that is in use.
func (h *Host) apply(ctx context.Context, p Plan, c Config, o Observed) error {
	if p.Provisional {
		return h.step(ctx, p.Steps[0], nil, o)
	}
	var t *transaction
	for _, step := range p.Steps {
		if t == nil && changesDocker(step) {
			var err error
			if t, err = h.open(p, c, o); err != nil {
				return err
			}
		}
		if err := h.step(ctx, step, t, o); err != nil {
			if t == nil {
				return err
			}
			return t.fail(ctx, err)
		}
		failpoint.Here("done: " + step.Action())
	}
	if t == nil {
		return nil
	}
	return h.end()
}

// open begins a transaction.
func (h *Host) open(p Plan, c Config, o Observed) (*transaction, error) {
	t := &transaction{host: h, flags: o.Flags, old: o.File.Bytes}
	t.j = newJournal(p, o, c.RuntimeNames(), trialPrefix+strings.ToLower(rand.Text()))
	failpoint.Here("journal: before it is begun")
	return t, h.begin(&t.j, t.old)
}

// changesDocker reports whether a step changes, or asks something of, what
// other people use.
func changesDocker(s Step) bool {
	switch s.(type) {
	case InstallRelease, Prove, RemoveRelease, Confirm:
		return false
	default:
		return true
	}
}

func (h *Host) step(ctx context.Context, step Step, t *transaction, o Observed) error {
	h.report(Event{Kind: StepStarted, Step: step})
	start := time.Now()
	seen, err := h.carryOut(ctx, step, t, o)
	h.report(Event{Kind: StepDone, Step: step, Seen: seen, Took: time.Since(start), Err: err})
	return err
}

// carryOut does one step and says in a few words what was seen.
func (h *Host) carryOut(ctx context.Context, step Step, t *transaction, o Observed) (seen string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	switch s := step.(type) {
	case InstallRelease:
		return h.install(ctx, s, o.Releases)
	case Prove:
		return h.Prove(ctx, s)
	case ProveInDocker:
		return h.proveInDocker(ctx, s, t)
	case Link:
		return "", h.store().SetLink(s.Release)
	case WriteDaemonJSON:
		return "", t.write(s)
	case Reload:
		return "", t.reload(ctx)
	case Restart:
		return "", t.restart(ctx)
	case Confirm:
		return h.confirm(ctx, s, o.Flags)
	case RemoveRelease:
		return "", h.store().Remove(s.Name)
	default:
		return "", fmt.Errorf("step %T is not known", step)
	}
}

func (h *Host) install(ctx context.Context, s InstallRelease, have []release.Installed) (string, error) {
	source := &release.Checksum{HTTP: h.HTTP, Limits: h.Limits, Have: have, Progress: func(p release.Progress) {
		h.report(Event{Kind: StepProgress, Step: s, Fetched: p})
	}}
	installed, err := h.store().Install(ctx, source, s.Spec)
	if err != nil {
		return "", specError(err)
	}
	return installed.Name + " in " + installed.Dir, nil
}

// confirm asks dockerd until it shows what s wants, or time is up.
func (h *Host) confirm(ctx context.Context, s Confirm, flags engine.Flags) (string, error) {
	within := h.confirmWithin()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client, err := h.dial(flags)
	if err != nil {
		return "", &OutOfReach{Object: "dockerd", Err: err}
	}
	defer client.Close()
	var last error
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		info, err := client.Info(ctx)
		if err == nil {
			if err = s.missing(info); err == nil {
				return "", nil
			}
		}
		// The last answer before time was up says more than "deadline exceeded".
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return "", fmt.Errorf("confirm the change in dockerd: %w", context.Canceled)
			}
			return "", fmt.Errorf("dockerd did not take the change within %s: %w (journalctl -u %s says why)", within, last, DockerUnit)
		case <-time.After(wait):
		}
	}
}
