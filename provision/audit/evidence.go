package audit

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Report looks at every running container from the host. If Docker is not running,
// it does not start it, and reports what /proc shows. Its errors are those of
// reading /proc, a *blocked.Unreachable if dockerd does not answer, or ctx's.
func Report(ctx context.Context, h *host.Host, c config.Config, o host.Observed) (verify.Report, error) {
	return reportWith(ctx, h, c, o, (host.Engine).Containers, surveyor(h).Look)
}

// ReportOn is Report for the containers with these IDs only. It leaves out those
// that no longer run. What the report says of sandboxes without a container means
// nothing.
func ReportOn(ctx context.Context, h *host.Host, c config.Config, o host.Observed, ids []string) (verify.Report, error) {
	return reportWith(ctx, h, c, o, func(client host.Engine, ctx context.Context) ([]verify.Container, error) {
		return client.Inspect(ctx, ids)
	}, h.Proc().LookAt)
}

// reportTime is how long a look at all containers may take. A thousand take
// seconds.
const reportTime = 2 * time.Minute

// surveyor looks at all processes of the host, not only at those of dockerd's
// containers.
func surveyor(h *host.Host) *verify.FS {
	proc := h.Proc()
	proc.Whole = true
	return proc
}

type (
	lister func(host.Engine, context.Context) ([]verify.Container, error)
	looker func(context.Context, []verify.Container, []verify.Release) (verify.Survey, error)
)

func reportWith(ctx context.Context, h *host.Host, c config.Config, o host.Observed, list lister, look looker) (verify.Report, error) {
	known, err := h.Known(ctx, o.Releases)
	if err != nil {
		return verify.Report{}, err
	}
	if o.Engine == nil {
		survey, err := surveyor(h).Look(ctx, nil, known)
		return verify.NewUnaskedReport(survey), err
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return verify.Report{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	uids := wantedUIDMap(c, o)
	running := func() ([]verify.Container, error) {
		found, err := list(client, ctx)
		if err != nil {
			return nil, blocked.DockerdSilent(err)
		}
		return evidence.WithUIDMap(found, uids, *o.Engine), nil
	}
	before, err := running()
	if err != nil {
		return verify.Report{}, err
	}
	survey, err := look(ctx, before, known)
	if err != nil {
		return verify.Report{}, err
	}
	seen := sightings{}
	seen.put(before, survey.Evidence)
	now, named := before, before
	for try := 0; ; try++ {
		if now, err = running(); err != nil {
			return verify.Report{}, err
		}
		named = append(named, now...)
		unsettled := seen.unsettled(now)
		if len(unsettled) == 0 || try == maxLooksAgain {
			break
		}
		if try > 0 {
			select {
			case <-time.After(pauseBetweenLooks):
			case <-ctx.Done():
			}
		}
		again, err := h.Proc().LookAt(ctx, unsettled, known)
		if err != nil {
			return verify.Report{}, err
		}
		seen.put(unsettled, again.Evidence)
	}
	runtimes := evidence.Runtimes(*o.Engine, o.File.Doc.Runtimes())
	evidence.AddEarlier(runtimes, o.Before, o.File.Path)
	verdicts := seen.judge(now, runtimes, known)
	if _, compared := release.NewestSatisfying(o.Releases, c.Spec()); c.Release.Source == release.SourceSystem && !compared {
		verdicts = beforeComparison(verdicts, runtimes, o.Releases)
	}
	return verify.NewReport(verdicts, survey, named), nil
}

// beforeComparison makes a verdict unknown if all that speaks against a sandbox is that its files, or those of its
// runtime, are of a package and have not been compared yet: the package manager may have just put them there.
func beforeComparison(verdicts []verify.Verdict, runtimes map[string]verify.Runtime, releases []release.Installed) []verify.Verdict {
	ofPackage := func(path string) bool {
		return path == release.SystemRunsc || slices.ContainsFunc(releases, func(r release.Installed) bool { return path == filepath.Join(r.FilesDir(), "runsc") })
	}
	for i, v := range verdicts {
		if v.State != verify.NotSandboxed || !ofPackage(runtimes[v.Container.Runtime].Path) {
			continue
		}
		checks := slices.Clone(v.Checks)
		for at := range checks {
			if name := checks[at].Name; checks[at].State == verify.Failed && (name == verify.CheckRuntime || name == verify.CheckExecutable) {
				checks[at].State = verify.Unread
				checks[at].Seen += "; what the package has there was not compared yet"
			}
		}
		if !slices.ContainsFunc(checks, func(c verify.Check) bool { return c.State == verify.Failed }) {
			verdicts[i].State, verdicts[i].Doubt, verdicts[i].Checks = verify.Unknown, verify.DoubtPackage, checks
		}
	}
	return verdicts
}

// How often, and how far apart, we look again at a container if dockerd names
// another process for it than the one we looked at.
const (
	maxLooksAgain     = 5
	pauseBetweenLooks = 100 * time.Millisecond
)

// sightings are what was seen of containers, by ID.
type sightings map[string]sighting

type sighting struct {
	pid      int
	evidence verify.Evidence
}

func (s sightings) put(containers []verify.Container, evidence []verify.Evidence) {
	for i, c := range containers {
		s[c.ID] = sighting{c.PID, evidence[i]}
	}
}

// unsettled are the containers that need another look: they have started since,
// perhaps in another process, or dockerd still names a process that has just
// ended. They are not left out: otherwise a container that keeps restarting would
// never be judged.
func (s sightings) unsettled(containers []verify.Container) []verify.Container {
	var unsettled []verify.Container
	for _, c := range containers {
		if c.Unread != nil || c.Restarting {
			continue
		}
		if seen, ok := s[c.ID]; !ok || seen.pid != c.PID || seen.evidence.Gap == verify.Gone {
			unsettled = append(unsettled, c)
		}
	}
	return unsettled
}

// judge judges each container in dockerd's last list. A container that has ended
// by then is left out. One that dockerd is about to restart is judged if its
// runtime is no sandbox: it may have ended because it noticed the look.
func (s sightings) judge(containers []verify.Container, runtimes map[string]verify.Runtime, known []verify.Release) []verify.Verdict {
	verdicts := make([]verify.Verdict, 0, len(containers))
	for _, c := range containers {
		seen, ok := s[c.ID]
		if !ok || seen.pid != c.PID {
			seen.evidence = verify.Evidence{Gap: verify.Unsteady, Why: errors.New("dockerd named another process at each look")}
		}
		if c.Restarting {
			seen.evidence = verify.Evidence{Gap: verify.Gone, Why: errors.New("dockerd is about to restart it")}
		}
		verdict := verify.Judge(c, seen.evidence, runtimes, known)
		if c.Restarting && verdict.State != verify.NotSandboxed {
			continue // nothing of it runs; it is judged when it does
		}
		verdict.Weaknesses = verify.Weaknesses(c, seen.evidence, runtimes[c.Runtime].Args, known)
		verdict.Inside = verify.InsideOf(verdict, seen.evidence)
		if verdict.State != verify.NotSandboxed {
			verdict.Writes = verify.SandboxWrites(c, seen.evidence, known)
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// wantedUIDMap is the user id map that remapped containers must have. It is nil if
// the configuration does not want userns-remap, or dockerd does not remap.
func wantedUIDMap(c config.Config, o host.Observed) []verify.IDRange {
	if c.Docker.Remap() != config.RemapOn || !o.Engine.UsernsRemap {
		return nil
	}
	ids, err := plan.NewGoal(c, o).Grant()
	if err != nil {
		return nil
	}
	return plan.UIDMap(ids.UIDs)
}
