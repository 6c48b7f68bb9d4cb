package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// Evidence looks at every running container from the host. While Docker is
// not running there is none to look at, and it is not started to find out.
func (h *Host) Evidence(ctx context.Context, c Config, o Observed) (verify.Report, error) {
	return h.evidence(ctx, c, o, (*engine.Client).Containers, h.surveyor().Look)
}

// EvidenceOf is Evidence of the containers with these IDs alone. Those that do
// not run any more are left out, and what the report says of sandboxes without a
// container means nothing.
func (h *Host) EvidenceOf(ctx context.Context, c Config, o Observed, ids []string) (verify.Report, error) {
	return h.evidence(ctx, c, o, func(client *engine.Client, ctx context.Context) ([]engine.Container, error) {
		return client.Inspect(ctx, ids)
	}, h.proc().LookAt)
}

// evidenceWithin is how long a look at all containers may take, of which a
// thousand take seconds.
const evidenceWithin = 2 * time.Minute

// surveyor looks at the whole host, also for what is not dockerd's.
func (h *Host) surveyor() *verify.FS {
	proc := h.proc()
	proc.Whole = true
	return proc
}

type (
	lister func(*engine.Client, context.Context) ([]engine.Container, error)
	looker func(context.Context, []verify.Container, []verify.Release) (verify.Survey, error)
)

func (h *Host) evidence(ctx context.Context, c Config, o Observed, list lister, look looker) (verify.Report, error) {
	known, err := knownReleases(h.store(), o.Releases)
	if err != nil {
		return verify.Report{}, err
	}
	if o.Engine == nil {
		survey, err := h.surveyor().Look(ctx, nil, known)
		return verify.NewUnaskedReport(survey), err
	}
	client, err := h.dial(o.Flags)
	if err != nil {
		return verify.Report{}, &OutOfReach{Object: "dockerd", Err: err}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, evidenceWithin)
	defer cancel()
	uids := uidMap(c, o)
	running := func() ([]verify.Container, error) {
		found, err := list(client, ctx)
		if err != nil {
			return nil, &OutOfReach{Object: "dockerd", Err: err}
		}
		return judged(found, uids), nil
	}
	before, err := running()
	if err != nil {
		return verify.Report{}, err
	}
	survey, err := look(ctx, before, known)
	if err != nil {
		return verify.Report{}, err
	}
	after, err := running()
	// dockerd may name a process for a moment that has just ended.
	for range askAgain {
		if err != nil || !lost(before, after, survey) {
			break
		}
		select {
		case <-time.After(askAgainAfter):
		case <-ctx.Done():
		}
		after, err = running()
	}
	if err != nil {
		return verify.Report{}, err
	}
	return report(before, after, survey, *o.Engine, known), nil
}

// How often, and how far apart, dockerd is asked again for containers whose
// process has gone.
const (
	askAgain      = 5
	askAgainAfter = 100 * time.Millisecond
)

// lost reports whether dockerd still names the process of a container that was
// not there.
func lost(before, after []verify.Container, survey verify.Survey) bool {
	named := make(map[string]int, len(after))
	for _, c := range after {
		named[c.ID] = c.PID
	}
	for i, c := range before {
		if survey.Evidence[i].Gap == verify.Gone && named[c.ID] == c.PID {
			return true
		}
	}
	return false
}

// report judges the containers that ran from before the survey until after
// it. One that came or went meanwhile is neither judged nor taken for lost.
func report(before, after []verify.Container, survey verify.Survey, info engine.Info, known []verify.Release) verify.Report {
	runtimes := runtimesOf(info)
	stayed := make(map[string]int, len(after))
	for _, c := range after {
		stayed[c.ID] = c.PID
	}
	var verdicts []verify.Verdict
	for i, c := range before {
		if stayed[c.ID] == c.PID {
			verdict := verify.Judge(c, survey.Evidence[i], runtimes, known)
			verdict.Weaknesses = verify.Weaknesses(c, survey.Evidence[i], runtimes[c.Runtime].Args, known)
			verdict.Ways = verify.WaysAround(c)
			verdicts = append(verdicts, verdict)
		}
	}
	return verify.NewReport(verdicts, survey, append(before, after...))
}

// runtimesOf follows the runtimes that dockerd knows to their files.
func runtimesOf(info engine.Info) map[string]verify.Runtime {
	paths := make(map[string]string, len(info.Runtimes))
	for name, runtime := range info.Runtimes {
		paths[name] = runtime.Path
	}
	resolved := verify.Resolve(paths)
	for name, runtime := range resolved {
		runtime.Type, runtime.Args = info.Runtimes[name].Type, info.Runtimes[name].Args
		resolved[name] = runtime
	}
	return resolved
}

// uidMap is what containers have to have that are remapped; nil where nobody
// wants that, or dockerd does not do it.
func uidMap(c Config, o Observed) []verify.IDRange {
	if c.Docker.remap() != RemapOn || !o.Engine.UsernsRemap {
		return nil
	}
	b := builder{config: c, observed: o}
	ids, err := b.ids()
	if err != nil {
		return nil
	}
	return ids.uidMap()
}

// judged are the containers of dockerd as package verify judges them.
func judged(list []engine.Container, uids []verify.IDRange) []verify.Container {
	containers := make([]verify.Container, len(list))
	for i, c := range list {
		containers[i] = verify.Container{
			ID: c.ID, Name: c.Name, Image: c.Image, ImageID: c.ImageID, Runtime: c.Runtime, PID: c.PID,
			Privileged: c.Privileged, UsernsMode: c.UsernsMode, Created: c.Created, HostNamespaces: c.HostNamespaces,
			CapAdd: c.CapAdd, SecurityOpt: c.SecurityOpt, Devices: c.Devices, Labels: c.Labels, Annotations: c.Annotations,
		}
		for _, mount := range c.Mounts {
			containers[i].Mounts = append(containers[i].Mounts, verify.HostMount(mount))
		}
		if c.UsernsMode != "host" {
			containers[i].UIDMap = uids
		}
	}
	return containers
}
