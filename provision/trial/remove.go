package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"runsc-provisioner/provision/engine"
)

const (
	// clearWithin is how long a removal is retried: long enough for a restart
	// of dockerd.
	clearWithin = 20 * time.Second
	// removeWithin is how long dockerd has for one try; it usually takes less
	// than 0.2 s.
	removeWithin = 3 * time.Second
	// hangsAfter is how long the removal of a container that has not started
	// may take before we conclude that its start hangs.
	hangsAfter = time.Second
	clearPause = 50 * time.Millisecond
	// lateWithin is how long dockerd may still work on the last request of a
	// killed process.
	lateWithin = 500 * time.Millisecond
)

// Remove removes what a killed process left of a trial: the container and
// the image with exactly that name. It is not an error if there is neither.
// Half a second later it looks again, because dockerd finishes a request even
// if the client was killed. It tries for 20 s at most.
func Remove(ctx context.Context, c *engine.Client, name string) error {
	if !validName().MatchString(name) {
		return &Error{Act: "remove", Err: fmt.Errorf("%q is not a trial's name", name)}
	}
	err := clearAll(ctx, c, name)
	if err == nil {
		select {
		case <-time.After(lateWithin):
		case <-ctx.Done():
		}
		err = clearAll(ctx, c, name)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return &Error{Act: "remove", Err: err}
	}
	return nil
}

// clearAll removes the container and the image with the name, and returns when
// both are gone.
func clearAll(ctx context.Context, c *engine.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, clearWithin)
	defer cancel()
	for {
		done, err := clearOnce(ctx, c, name)
		if done {
			return nil
		}
		select {
		case <-time.After(clearPause):
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("container and image %s: %w", name, err)
		}
	}
}

// clearOnce removes the container, or else the image, or else an image that an
// import left without a name. done is true if there was none of these.
func clearOnce(ctx context.Context, c *engine.Client, name string) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	moby, err := c.Moby(ctx)
	if err != nil {
		return false, err
	}
	found, err := findContainer(ctx, moby, name)
	if err != nil {
		return false, err
	}
	if found != nil {
		return false, removeContainer(ctx, moby, found)
	}
	if err := removeImage(ctx, moby, name); !errdefs.IsNotFound(err) {
		return false, err
	}
	nameless, err := untaggedImages(ctx, moby, name)
	for _, id := range nameless {
		if err := removeImage(ctx, moby, id); err != nil && !errdefs.IsNotFound(err) {
			return false, err
		}
	}
	return err == nil && len(nameless) == 0, err
}

func removeImage(ctx context.Context, moby *client.Client, ref string) error {
	_, err := moby.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	return err
}

// untaggedImages lists the untagged images of a trial: dockerd stores an image before
// it names it, and may stop in between.
func untaggedImages(ctx context.Context, moby *client.Client, name string) ([]string, error) {
	list, err := moby.ImageList(ctx, client.ImageListOptions{
		Filters: make(client.Filters).Add("dangling", "true").Add("label", label+"="+name),
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range list.Items {
		named := slices.ContainsFunc(one.RepoTags, func(tag string) bool { return tag != "<none>:<none>" })
		if !named && one.Labels[label] == name {
			ids = append(ids, one.ID)
		}
	}
	return ids, nil
}

// removeContainer asks dockerd to remove the container. If it is gone, or
// AutoRemove is already removing it, the next look finds out.
func removeContainer(ctx context.Context, moby *client.Client, found *container.Summary) error {
	limit := removeWithin
	if found.State == container.StateCreated {
		limit = hangsAfter
	}
	patient, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := moby.ContainerRemove(patient, found.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if patient.Err() != nil && ctx.Err() == nil && engine.IsContainerID(found.ID) {
		err = errors.Join(err, killRuntime("/proc", found.ID))
	}
	return err
}

// findContainer returns the container with the name, or nil. It uses the list,
// because an inspection waits for a start that hangs.
func findContainer(ctx context.Context, moby *client.Client, name string) (*container.Summary, error) {
	list, err := moby.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("name", "^/?"+name+"$"),
	})
	if err != nil {
		return nil, err
	}
	for _, one := range list.Items {
		if slices.Contains(one.Names, "/"+name) {
			return &one, nil
		}
	}
	return nil, nil
}
