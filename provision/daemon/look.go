package daemon

import (
	"context"
	"slices"
	"time"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/verify"
)

// finding is the result of a look at one container.
type finding struct {
	verdict    verify.Verdict
	stray      bool  // it should be in a sandbox
	allowed    bool  // it may run outside, by its image
	mustStop   bool  // it must be stopped
	err        error // of asking dockerd whether it is allowed, or of stopping it
	isNew      bool  // it started while the daemon watched
	unreadTold bool  // a notice said that it cannot be inspected
	at         time.Time
}

func (f finding) outside() status.Outside {
	c := f.verdict.Container
	return status.Outside{ID: c.ID, Name: c.Name, Image: c.Image, Runtime: c.Runtime, Why: f.verdict.Why(), Allowed: f.allowed}
}

// look is one look at containers.
type look struct {
	host   *host.Host
	config config.Config
	whole  bool
	judged map[string]finding
	*lookResult
}

func (l *look) run(ctx context.Context) *lookResult {
	report, err := l.evidence(ctx)
	if err == nil && l.anyOutside(report) {
		// Look again before reporting it: the last look at the host may have missed a
		// release that was installed since.
		if l.observed, err = l.host.Observe(ctx, l.config); err == nil {
			report, err = l.evidence(ctx)
		}
	}
	if l.err = err; err != nil {
		return l.lookResult
	}
	if l.all {
		l.notStarted, _, l.notStartedErr = l.host.NotStarted(ctx, l.observed, l.config.RuntimeNames())
	}
	for _, verdict := range report.Verdicts {
		l.findings = append(l.findings, l.find(ctx, verdict))
	}
	return l.lookResult
}

func (l *look) evidence(ctx context.Context) (verify.Report, error) {
	if l.all {
		return audit.Report(ctx, l.host, l.config, l.observed)
	}
	return audit.ReportOn(ctx, l.host, l.config, l.observed, l.ids)
}

func (l *look) anyOutside(r verify.Report) bool {
	return slices.ContainsFunc(r.Verdicts, func(v verify.Verdict) bool { return v.State == verify.NotSandboxed })
}

// find turns a verdict into a finding.
func (l *look) find(ctx context.Context, verdict verify.Verdict) finding {
	f := finding{verdict: verdict}
	started := l.starts[verdict.Container.ID]
	fresh := !started.at.IsZero() // else it ran before, and this is another look
	before, judgedBefore := l.judged[verdict.Container.ID]
	f.unreadTold = before.unreadTold
	f.at, f.isNew = started.at, fresh || l.whole && !judgedBefore
	if before.verdict.State == verify.Unknown {
		// This is its first verdict.
		f.isNew, judgedBefore = f.isNew || before.isNew, false
	}
	_, managed := l.config.Docker.Runtimes[l.config.Docker.DefaultRuntime]
	if verdict.State != verify.NotSandboxed || !managed {
		return f
	}
	// The event of its start may arrive after a look at all containers found it.
	same := judgedBefore && before.isNew && before.stray && before.verdict.Container.PID == verdict.Container.PID
	if judgedBefore && (!fresh || same) {
		return finding{verdict: verdict, stray: before.stray, allowed: before.allowed}
	}
	var err error
	if f.allowed, err = l.host.ImageAllowed(ctx, l.observed, verdict.Container.ImageID, l.config.Enforce.AllowImages); err != nil {
		f.err = err // then it counts as not allowed
	}
	f.stray = !f.allowed
	f.mustStop = f.stray && f.isNew && l.config.Enforce.Unsandboxed == config.UnsandboxedStop
	return f
}
