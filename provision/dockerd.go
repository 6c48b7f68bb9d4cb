package provision

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// withDockerd calls use with a client that also changes dockerd, where Host.Dial gives
// one that only reads, and closes it. If the socket cannot be opened, the error is
// *blocked.Unreachable.
func (pr *Provisioner) withDockerd(flags commandline.Flags, use func(*engine.Client) error) error {
	client, err := engine.Open(pr.Socket(flags))
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	return use(client)
}

// runningContainers returns the names of the containers that run. The error is
// *blocked.Unreachable.
func (pr *Provisioner) runningContainers(ctx context.Context, flags commandline.Flags) (names []string, err error) {
	err = pr.withDockerd(flags, func(client *engine.Client) error {
		if names, err = client.Names(ctx); err != nil {
			return blocked.DockerdSilent(err)
		}
		return nil
	})
	return names, err
}

// engineInfo asks dockerd for its settings. The error is *blocked.Unreachable.
func (t *transaction) engineInfo(ctx context.Context) (info engine.Info, err error) {
	// A dockerd that hangs must not hold up the way back: no signal cuts that short.
	ctx, cancel := context.WithTimeoutCause(ctx, host.EngineAnswerWithin, fmt.Errorf("no answer within %s", host.EngineAnswerWithin))
	defer cancel()
	err = t.pr.withDockerd(t.flags, func(client *engine.Client) error {
		if info, err = client.Info(ctx); err != nil {
			return blocked.DockerdSilent(err)
		}
		return nil
	})
	return info, err
}

// StopContainer stops a container of the observed dockerd.
func (pr *Provisioner) StopContainer(ctx context.Context, o host.Observed, id string) error {
	return pr.withDockerd(o.Flags, func(client *engine.Client) error { return client.Stop(ctx, id) })
}

// saveImages returns the number of bytes that it wrote, as text.
func (a *application) saveImages(ctx context.Context, s steps.SaveImages) (result string, err error) {
	err = a.withDockerd(a.observed.Flags, func(client *engine.Client) error {
		written, err := a.Images().Save(ctx, client, s.Images, s.Bytes, a.imageProgress(s))
		if err == nil {
			result = fmt.Sprintf("%d bytes", written)
		}
		return err
	})
	return result, err
}

func (a *application) loadImages(ctx context.Context, s steps.LoadImages) error {
	return a.withDockerd(a.observed.Flags, func(client *engine.Client) error {
		return a.Images().Load(ctx, client, a.imageProgress(s))
	})
}

func (a *application) imageProgress(s steps.Step) images.Progress {
	return func(done, total int64) {
		a.report(Event{Kind: StepProgress, Step: s, Fetched: release.Progress{Done: done, Total: total}})
	}
}

// removeTrial removes the container and the image of a proof through Docker.
func (pr *Provisioner) removeTrial(ctx context.Context, flags commandline.Flags, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return pr.withDockerd(flags, func(client *engine.Client) error { return client.RemoveTrial(ctx, name) })
}

// removeOldTrials removes what proofs left in Docker when their journal was closed while
// Docker was down. The next run retries what cannot be removed now.
func (pr *Provisioner) removeOldTrials(ctx context.Context) error {
	names := pr.State().Trials().Keys()
	if len(names) == 0 {
		return nil
	}
	unit, err := pr.WaitSettled(ctx)
	if err != nil || !unit.Running() {
		return err
	}
	_, flags, err := pr.CommandLine(unit)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := pr.removeTrial(ctx, flags, name); err != nil {
			pr.Logger().Debug("leftovers of a proof stay in docker", zap.String("name", name), zap.Error(err))
			return ctx.Err()
		}
		if err := pr.State().Trials().Forget(name); err != nil {
			return err
		}
	}
	return nil
}
