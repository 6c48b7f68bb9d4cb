package provision

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
)

// saveImages says how many bytes it wrote.
func (pr *Provisioner) saveImages(ctx context.Context, s plan.SaveImages, flags engine.Flags) (seen string, err error) {
	client, err := pr.Dial(flags)
	if err != nil {
		return "", err
	}
	defer client.Close()
	written, err := pr.Images().Save(ctx, client, s.Images, s.Bytes, pr.progressOf(s))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes", written), nil
}

func (pr *Provisioner) loadImages(ctx context.Context, s plan.LoadImages, flags engine.Flags) error {
	client, err := pr.Dial(flags)
	if err != nil {
		return err
	}
	defer client.Close()
	return pr.Images().Load(ctx, client, pr.progressOf(s))
}

func (pr *Provisioner) progressOf(s plan.Step) images.Progress {
	return func(done, total int64) {
		pr.report(Event{Kind: StepProgress, Step: s, Fetched: release.Progress{Done: done, Total: total}})
	}
}
