package audit

import (
	"context"
	"errors"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/verify"
)

// Report looks at every running container from the host. While Docker is
// not running there is none to look at, and it is not started to find out.
func Report(ctx context.Context, h *host.Host, c config.Config, o host.Observed) (verify.Report, error) {
	return reportWith(ctx, h, c, o, (*engine.Client).Containers, surveyor(h).Look)
}

// ReportOn is Evidence of the containers with these IDs alone. Those that do
// not run any more are left out, and what the report says of sandboxes without a
// container means nothing.
func ReportOn(ctx context.Context, h *host.Host, c config.Config, o host.Observed, ids []string) (verify.Report, error) {
	return reportWith(ctx, h, c, o, func(client *engine.Client, ctx context.Context) ([]verify.Container, error) {
		return client.Inspect(ctx, ids)
	}, h.Proc().LookAt)
}

// reportTime is how long a look at all containers may take, of which a
// thousand take seconds.
const reportTime = 2 * time.Minute

// surveyor looks at the whole host, also for what is not dockerd's.
func surveyor(h *host.Host) *verify.FS {
	proc := h.Proc()
	proc.Whole = true
	return proc
}

type (
	lister func(*engine.Client, context.Context) ([]verify.Container, error)
	looker func(context.Context, []verify.Container, []verify.Release) (verify.Survey, error)
)

func reportWith(ctx context.Context, h *host.Host, c config.Config, o host.Observed, list lister, look looker) (verify.Report, error) {
	known, err := host.KnownReleases(h.Store(), o.Releases)
	if err != nil {
		return verify.Report{}, err
	}
	if o.Engine == nil {
		survey, err := surveyor(h).Look(ctx, nil, known)
		return verify.NewUnaskedReport(survey), err
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return verify.Report{}, blocked.DockerdSilent(err)
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
		return host.Remapped(found, uids), nil
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
		open := seen.unsettled(now)
		if len(open) == 0 || try == maxLooksAgain {
			break
		}
		if try > 0 {
			select {
			case <-time.After(pauseBetweenLooks):
			case <-ctx.Done():
			}
		}
		again, err := h.Proc().LookAt(ctx, open, known)
		if err != nil {
			return verify.Report{}, err
		}
		seen.put(open, again.Evidence)
	}
	return verify.NewReport(seen.judge(now, *o.Engine, known), survey, named), nil
}

// How often, and how far apart, containers are looked at again of which dockerd
// names another process than was seen.
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

// unsettled are the containers of which what was seen does not tell: they have
// started since, in another process perhaps, or dockerd still names a process
// that has just ended. None may be left out for that, or one that starts again
// and again is never judged.
func (s sightings) unsettled(containers []verify.Container) []verify.Container {
	var open []verify.Container
	for _, c := range containers {
		if c.Unread != nil || c.Restarting {
			continue
		}
		if seen, ok := s[c.ID]; !ok || seen.pid != c.PID || seen.evidence.Gap == verify.Gone {
			open = append(open, c)
		}
	}
	return open
}

// judge judges each of the containers that dockerd named at last. One that has
// ended by then is not there any more, whatever it was; but one that is about to
// be started again is, if what it is started with is no sandbox: it may have
// ended because it noticed the look.
func (s sightings) judge(containers []verify.Container, info engine.Info, known []verify.Release) []verify.Verdict {
	runtimes := host.RuntimesOf(info)
	verdicts := make([]verify.Verdict, 0, len(containers))
	for _, c := range containers {
		seen, ok := s[c.ID]
		if !ok || seen.pid != c.PID {
			seen.evidence = verify.Evidence{Gap: verify.Unsteady, Why: errors.New("dockerd named another one at each of several looks")}
		}
		if c.Restarting {
			seen.evidence = verify.Evidence{Gap: verify.Gone, Why: errors.New("dockerd is about to start it again")}
		}
		verdict := verify.Judge(c, seen.evidence, runtimes, known)
		if c.Restarting && verdict.State != verify.NotSandboxed {
			continue // nothing of it runs, and when it does it is in a sandbox or judged
		}
		verdict.Weaknesses = verify.Weaknesses(c, seen.evidence, runtimes[c.Runtime].Args, known)
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// wantedUIDMap is what containers have to have that are remapped; nil where nobody
// wants that, or dockerd does not do it.
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
