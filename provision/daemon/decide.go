package daemon

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/provision/watch"
)

// decide returns what the daemon may do about the drift in o.
func (r *rounds) decide(o host.Observed) (plan.Options, error) {
	r.recordDigests(o)
	c := r.config.Config
	drifts, err := checkup.Drifts(c, o)
	if err != nil {
		return plan.Options{}, err
	}
	now := r.now()
	if config := encoded(c); string(config) != string(r.appliedConfig) || r.upgraded && plan.NewGoal(c, o).Current.Name != r.current {
		// A change of the configuration, or of the release that it asks for, is not drift.
		r.contests.Begin(drifts)
		r.appliedConfig, r.upgraded = config, false
	} else {
		r.out.newDrifts = append(r.out.newDrifts, r.contests.Look(now, drifts)...)
	}
	for _, d := range drifts {
		if !slices.ContainsFunc(r.out.drifts, func(f checkup.Drift) bool { return f.Item == d.Item }) {
			r.out.drifts = append(r.out.drifts, d)
		}
	}
	u := &plan.Unattended{MaxDisruption: c.Enforce.MaxDisruption, Contested: map[string]string{}, NoFetch: r.explainNoInstall(now, o)}
	for _, c := range r.contests.Contests(drifts) {
		u.Contested[c.Item] = c.Explain(r.contests.Window)
	}
	if r.lastText = sha256.Sum256(o.File.Bytes); r.fatalText != nil && r.lastText == *r.fatalText {
		u.NoReload = noReload
	}
	if u.NoRestart, err = r.noRestart(now); err != nil {
		return plan.Options{}, err
	}
	return plan.Options{Unattended: u, Upgrade: r.out.upgradeNow}, nil
}

// noReload is why Docker is not reloaded again: each try would stop containers.
const noReload = "dockerd ended on the last reload, and daemon.json is the same: `journalctl -u docker.service` shows why; then run `runsc-provisioner apply`"

// noteFatal notes a reload on which dockerd ended.
func (r *rounds) noteFatal(err error) {
	var back *transaction.RolledBack
	var down *transaction.DockerDown
	if errors.As(err, &back) && back.DockerEnded && !back.DockerKilled ||
		errors.As(err, &down) && down.DockerEnded && !down.DockerKilled {
		text := r.lastText
		r.fatalText = &text
	}
}

// noRestart returns why Docker is not restarted now although the configuration
// allows it; "" if it may be.
func (r *rounds) noRestart(now time.Time) (reason string, err error) {
	if r.config.Config.Enforce.MaxDisruption != config.DisruptionRestart {
		return "", nil
	}
	last, err := r.host.State().LastRestart()
	if err != nil {
		return "", err
	}
	if again := last.Add(restartEvery); now.Before(again) && now.After(last) {
		reason = fmt.Sprintf("Docker was restarted at %s; the next restart is possible at %s", last.Format(time.TimeOnly), again.Format(time.TimeOnly))
	}
	return reason, nil
}

// consent limits a recovery to what a repair may do to Docker.
func (r *rounds) consent() (plan.Options, error) {
	reason, err := r.noRestart(r.now())
	return plan.Options{Unattended: &plan.Unattended{MaxDisruption: r.config.Config.Enforce.MaxDisruption, NoRestart: reason}}, err
}

// repaired records the drift that was repaired, and returns what is left.
func (r *rounds) repaired(o host.Observed) (left []checkup.Drift, err error) {
	if left, err = checkup.Drifts(r.config.Config, o); err != nil {
		return nil, err
	}
	for _, d := range r.out.drifts {
		if !slices.ContainsFunc(left, func(l checkup.Drift) bool { return l.Item == d.Item }) {
			r.out.repaired = append(r.out.repaired, d)
		}
	}
	return left, nil
}

// converged records what is left once nothing more can be done.
func (r *rounds) converged(result provision.Result) error {
	o, c := result.Observed, r.config.Config
	left, err := r.repaired(o)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		r.fatalText = nil // a person has run apply
	}
	r.out.contests = r.contests.Contests(left)
	under, fetching := r.fetches.underWay(r.lacks)
	if fetching {
		r.out.fetching = &under // if it ends before the round does, another round is due
	}
	r.out.held = slices.DeleteFunc(slices.Clone(result.Last.Held), func(h steps.Held) bool {
		return fetching && h.Why == under.InWords() || slices.ContainsFunc(r.out.contests, func(c contest.Contest) bool { return c.Item == h.What })
	})
	if r.out.items, err = checkup.Items(c, o); err != nil {
		return err
	}
	r.unit, r.out.unit = o.Unit, o.Unit
	r.retry = retry{}
	if current := plan.NewGoal(c, o).Current; current.ManifestDigest != "" { // else there is none yet
		if result.Changed && r.current != "" && r.current != current.Name {
			r.out.switchedFrom, r.out.switchedTo = r.current, current.Name
		}
		r.current = current.Name
	}
	r.upgraded = false
	if o.Engine == nil {
		r.out.waiting = fmt.Sprintf("%s is %s", host.DockerUnit, o.Unit.ActiveState)
	}
	r.releases = o.Releases
	r.targets = r.targetsOf(o.File.Path, c, r.config.whyKept != "")
	if r.config.mayWriteRecord {
		if err := r.host.ConfigFiles().Accept(r.host.ConfigFiles().WithoutHeld(r.config.Layered, o.File.Doc, result.Last.HeldItems()...)); err != nil {
			return err
		}
		r.out.recordRewritten = r.config.recordDamage != "" && r.host.ConfigFiles().Accepted().Damage == nil
	}
	r.quietStamps = r.stamps
	return nil
}

// beforeLook notes the state of the files before a look reads them.
func (r *rounds) beforeLook() {
	r.stamps.host, r.lookBegan = watch.StampOf(r.targets.host), r.now()
	r.lookStamps = map[string]watch.Stamp{}
}

// mustDigest reports whether the files of a release may have changed since they were
// last read.
func (r *rounds) mustDigest(installed release.Installed) bool {
	stamp := watch.StampOf(append(watch.Files(installed.PackageFiles()...), watch.Target{Path: installed.Dir, Tree: true}))
	if r.digests[installed.Name] == stamp {
		return false
	}
	r.lookStamps[installed.Name] = stamp
	return true
}

// recordDigests notes the releases whose files were read and are intact.
func (r *rounds) recordDigests(o host.Observed) {
	for _, installed := range o.Releases {
		if stamp, wasRead := r.lookStamps[installed.Name]; wasRead && installed.State.Intact() {
			r.digests[installed.Name] = stamp
		}
	}
}

// recordEvent notes what the current round does.
func (r *rounds) recordEvent(e provision.Event) {
	switch e.Kind {
	case provision.Recovered:
		r.out.recovered = append(r.out.recovered, e.Text)
	case provision.Abandoned:
		r.out.abandoned = append(r.out.abandoned, e.Text)
	case provision.Mended:
		r.out.mended = append(r.out.mended, e.Text)
	}
	done := e.Kind == provision.StepDone && e.Err == nil
	switch s := e.Step.(type) {
	case steps.Reload:
		if e.Kind == provision.StepStarted {
			r.out.reloads++
		}
		if done && s.FileUnchanged && len(s.MustTake) == 0 {
			r.contests.Revert(r.now(), config.ItemDockerd)
		}
	case steps.Restart:
		if e.Kind == provision.StepStarted {
			r.out.restarts++
			// If this fails, one restart too many is possible.
			_ = r.host.State().NoteRestart(r.now())
		}
	case steps.WriteDaemonJSON:
		for _, item := range s.Items {
			if done {
				r.contests.Revert(r.now(), item)
			}
		}
	case steps.WriteBuilds:
		if done {
			r.contests.Revert(r.now(), config.ItemBuilds)
		}
	case steps.Link:
		if done {
			r.contests.Revert(r.now(), config.ItemLink)
		}
	case steps.InstallRelease:
		if e.Kind == provision.StepDone {
			r.recordInstall(s, e.Err)
		}
	}
}

func encoded(c config.Config) []byte {
	text, err := json.Marshal(c.Release)
	docker, err2 := json.Marshal(c.Docker)
	if err != nil || err2 != nil {
		panic(errors.Join(err, err2)) // strings, numbers and maps of them always encode
	}
	return append(text, docker...)
}
