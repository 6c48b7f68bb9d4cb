package proof

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/verify"
)

// trialTimeout bounds the proof through Docker, which normally takes 200 ms.
const trialTimeout = time.Minute

// InDocker has dockerd, which runs with info, start a container called name. It checks that
// the container is in a sandbox of the release, and that Docker sees its writes as
// promised. The result is what was seen, in a few words. The caller has recorded name in
// its journal: if this run is killed, a later run removes the container.
func (r Runner) InDocker(ctx context.Context, s steps.ProveInDocker, name string, flags commandline.Flags, info engine.Info) (result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	client, err := engine.Open(r.Socket(flags))
	if err != nil {
		return "", err
	}
	defer client.Close()
	failpoint.Here("trial: before it is started")
	writes := newTrialWrites()
	started, err := trial.Start(ctx, client, trial.Spec{
		Name: name, Runtime: s.Runtime, Init: r.Self, Args: []string{InitArg, writes.nonce}, Files: writes.image(),
	})
	if err != nil {
		return "", err
	}
	failpoint.Here("trial: started")
	kernel, err := r.checkTrial(ctx, s, info, started)
	var dockerSees string
	if err == nil {
		// The container prints its line after its last write.
		dockerSees, err = writes.compare(ctx, started, s.Writes)
	}
	failpoint.Here("trial: looked at")
	err = errors.Join(err, started.End(context.WithoutCancel(ctx)))
	failpoint.Here("trial: removed")
	if err != nil {
		return "", err
	}
	return "kernel inside: " + kernel + "; " + dockerSees, nil
}

// checkTrial checks from the host that the container is in a sandbox of the release. What the
// container says of its own kernel can only contradict that.
func (r Runner) checkTrial(ctx context.Context, s steps.ProveInDocker, info engine.Info, started *trial.Trial) (kernel string, err error) {
	line, err := started.Line(ctx)
	if err != nil {
		return "", err
	}
	_, known, err := r.lookFor(ctx, s.Release)
	if err != nil {
		return "", err
	}
	container := verify.Container{ID: started.ID, Name: started.ID[:12], Runtime: s.Runtime, PID: started.PID, UIDMap: s.UIDMap}
	objection, err := r.judge(ctx, container, s.Release, info, known)
	if err != nil {
		return "", err
	}
	if objection != "" {
		return "", errors.New("its process ran, but " + objection)
	}
	return parseInsideView(line).describe()
}

// lookFor is an installed release, and what its processes are known by.
func (r Runner) lookFor(ctx context.Context, name string) (installed release.Installed, known []verify.Release, err error) {
	if installed, err = r.Installed(ctx, name); err != nil {
		return release.Installed{}, nil, err
	}
	known, err = evidence.Releases(ctx, r.Store(), []release.Installed{installed})
	return installed, known, err
}

// judge looks at a container of a dockerd with info. objection says why the host does not see it in a sandbox of the
// release; "" if it does.
func (r Runner) judge(ctx context.Context, c verify.Container, release string, info engine.Info, known []verify.Release) (objection string, err error) {
	survey, err := r.Proc().Look(ctx, []verify.Container{c}, known)
	if err != nil {
		return "", err
	}
	// A runtime that is proven has a path, so daemon.json adds nothing.
	verdict := verify.Judge(c, survey.Evidence[0], evidence.Runtimes(info, nil), known)
	if verdict.State != verify.Sandboxed || verdict.Release != release {
		return fmt.Sprintf("the host sees it as %s: %s", verdict.State, failedChecks(verdict)), nil
	}
	return "", nil
}

// failedChecks lists the checks that did not pass.
func failedChecks(v verify.Verdict) string {
	var parts []string
	for _, c := range v.Checks {
		if c.State != verify.Passed {
			parts = append(parts, fmt.Sprintf("%s is %s", c.Name, c.Seen))
		}
	}
	return strings.Join(parts, ", ")
}
