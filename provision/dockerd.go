package provision

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// StopContainer stops a container of the observed dockerd.
func (pr *Provisioner) StopContainer(ctx context.Context, o host.Observed, id string) error {
	return pr.docker().WithClient(o.Flags, func(client *engine.Client) error { return client.Stop(ctx, id) })
}

// saveImages returns the number of bytes that it wrote, as text.
func (a *application) saveImages(ctx context.Context, s steps.SaveImages) (result string, err error) {
	err = a.docker().WithClient(a.observed.Flags, func(client *engine.Client) error {
		written, err := a.Images().Save(ctx, client, s.Images, s.Bytes, a.imageProgress(s))
		if err == nil {
			result = fmt.Sprintf("%d bytes", written)
		}
		return err
	})
	return result, err
}

func (a *application) loadImages(ctx context.Context, s steps.LoadImages) error {
	return a.docker().WithClient(a.observed.Flags, func(client *engine.Client) error {
		return a.Images().Load(ctx, client, a.imageProgress(s))
	})
}

func (a *application) imageProgress(s steps.Step) images.Progress {
	return func(done, total int64) {
		a.report(Event{Kind: StepProgress, Step: s, Fetched: release.Progress{Done: done, Total: total}})
	}
}
