package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/wayback"
)

// Event is told to Host.Report.
type Event struct {
	Kind    EventKind
	Plan    plan.Plan        // PlanMade
	Step    plan.Step        // StepStarted, StepDone
	Fetched release.Progress // StepProgress
	Text    string           // StepDone: what was seen, in a few words; may be empty
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
	Abandoned // Seen says which recovery failed, and where it was set aside
)

// apply carries out the steps of p in order. The first that fails ends it, and
// what was done by then is undone. Where only the first step can be carried out, it
// changes nothing that is in use. What dockerd said in the
// last step is returned, or nil.
func (pr *Provisioner) apply(ctx context.Context, p plan.Plan, c config.Config, o host.Observed) (*engineAnswer, error) {
	if pr.firstOnly(p) {
		_, err := pr.step(ctx, p.Steps[0], nil, o)
		return nil, err
	}
	var said *engineAnswer
	var t *transaction
	for _, step := range p.Steps {
		if t == nil && step.Kind().Shared {
			var err error
			if t, err = pr.beginTransaction(p, c, o); err != nil {
				return nil, err
			}
		}
		var err error
		if said, err = pr.step(ctx, step, t, o); err != nil {
			if t == nil {
				return nil, err
			}
			return nil, t.fail(ctx, err)
		}
		failpoint.Here("done: " + step.Kind().Action)
	}
	if t == nil {
		return said, nil
	}
	return said, pr.State().EndJournal()
}

// firstOnly reports whether only the first step of p can be carried out before
// the host is observed again: what it brings has another name, or others may have
// changed the host while it was fetched.
func (pr *Provisioner) firstOnly(p plan.Plan) bool {
	_, installs := p.Steps[0].(plan.InstallRelease)
	return p.Provisional || installs && pr.TakeFetched != nil
}

// beginTransaction begins a transaction.
func (pr *Provisioner) beginTransaction(p plan.Plan, c config.Config, o host.Observed) (*transaction, error) {
	t := &transaction{pr: pr, flags: o.Flags, command: o.Command, old: o.File.Bytes}
	t.journal = wayback.NewJournal(p, o, c.RuntimeNames(), engine.TrialPrefix+strings.ToLower(rand.Text()))
	failpoint.Here("journal: before it is begun")
	return t, pr.State().BeginJournal(&t.journal, t.old)
}

func (pr *Provisioner) step(ctx context.Context, step plan.Step, t *transaction, o host.Observed) (said *engineAnswer, err error) {
	pr.report(Event{Kind: StepStarted, Step: step})
	start := time.Now()
	var seen string
	switch s := step.(type) {
	case plan.Confirm:
		said, err = pr.confirm(ctx, s.Settings, o, t)
	default:
		seen, err = pr.carryOut(ctx, step, t, o)
	}
	pr.report(Event{Kind: StepDone, Step: step, Text: seen, Took: time.Since(start), Err: err})
	return said, err
}

// carryOut does one step and says in a few words what was seen.
func (pr *Provisioner) carryOut(ctx context.Context, step plan.Step, t *transaction, o host.Observed) (seen string, err error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx) // which names the signal
	}
	switch s := step.(type) {
	case plan.InstallRelease:
		return pr.install(ctx, s, o.Releases)
	case plan.Prove:
		if pr.ProveOutside != nil {
			return pr.ProveOutside(ctx, s)
		}
		return pr.Prover().Prove(ctx, s)
	case plan.ProveInDocker:
		return pr.proveInDockerAndRecord(ctx, s, t)
	case plan.Link:
		return "", pr.store().SetLink(s.Release)
	case plan.WriteDaemonJSON:
		return "", t.write(s)
	case plan.Reload:
		return "", t.reload(ctx)
	case plan.Restart:
		return "", t.restart(ctx, s)
	case plan.RemoveRelease:
		return "", pr.store().Remove(s.Name)
	case plan.AddAccount:
		return "", pr.addAccount(ctx, s)
	case plan.RemoveAccount:
		return "", pr.removeAccount(ctx, s)
	case plan.EditIDs:
		return "", pr.editIDs(ctx, s)
	case plan.SaveImages:
		return pr.saveImages(ctx, s, o.Flags)
	case plan.LoadImages:
		return "", pr.loadImages(ctx, s, o.Flags)
	case plan.DropImages:
		return "", pr.Images().Drop()
	default:
		return "", fmt.Errorf("step %T is not known", step)
	}
}
