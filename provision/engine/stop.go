package engine

import (
	"context"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// stopSeconds is how long dockerd waits before it kills the container.
const stopSeconds = 1

// Stop ends a container. Its restart policy does not start it again. It is not
// an error if the container is gone.
func (c *Client) Stop(ctx context.Context, id string) error {
	if err := c.agree(ctx); err != nil {
		return c.withAct(ctx, "stop container "+id, err)
	}
	seconds := stopSeconds
	_, err := c.moby.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return c.withAct(ctx, "stop container "+id, err)
}

// ImageDigests returns the digests ("sha256:…") that identify the image with
// this ID: the ID itself, and those under which it was pulled. For an image
// that is gone it returns only the ID.
func (c *Client) ImageDigests(ctx context.Context, id string) ([]string, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "inspect image", err)
	}
	digests := []string{id}
	image, err := c.moby.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return digests, nil
	}
	if err != nil {
		return nil, c.withAct(ctx, "inspect image", err)
	}
	for _, name := range image.RepoDigests {
		if _, digest, found := strings.Cut(name, "@"); found {
			digests = append(digests, digest)
		}
	}
	return digests, nil
}
