package provision

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
)

// saveImages says how many bytes it wrote.
func (h *Host) saveImages(ctx context.Context, s SaveImages, flags engine.Flags) (seen string, err error) {
	client, err := h.dial(flags)
	if err != nil {
		return "", err
	}
	defer client.Close()
	written, err := h.Images().Save(ctx, client, s.Images, s.Bytes, h.progressOf(s))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes", written), nil
}

func (h *Host) loadImages(ctx context.Context, s LoadImages, flags engine.Flags) error {
	client, err := h.dial(flags)
	if err != nil {
		return err
	}
	defer client.Close()
	return h.Images().Load(ctx, client, h.progressOf(s))
}

func (h *Host) progressOf(s Step) images.Progress {
	return func(done, total int64) {
		h.report(Event{Kind: StepProgress, Step: s, Fetched: release.Progress{Done: done, Total: total}})
	}
}
