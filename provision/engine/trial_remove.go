package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
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

// RemoveTrial removes what a killed process left of a trial: the container and
// the image with exactly that name. It is not an error if there is neither.
// Half a second later it looks again, because dockerd finishes a request even
// if the client was killed. It tries for 20 s at most.
func (c *Client) RemoveTrial(ctx context.Context, name string) error {
	if !trialName().MatchString(name) {
		return &TrialError{Act: "remove", Err: fmt.Errorf("%q is not a trial's name", name)}
	}
	err := clearTrial(ctx, c, name)
	if err == nil {
		select {
		case <-time.After(lateWithin):
		case <-ctx.Done():
		}
		err = clearTrial(ctx, c, name)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return &TrialError{Act: "remove", Err: err}
	}
	return nil
}

// clearTrial removes the container and the image with the name, and returns when
// both are gone.
func clearTrial(ctx context.Context, c *Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, clearWithin)
	defer cancel()
	for {
		done, err := clearTrialOnce(ctx, c, name)
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

// clearTrialOnce removes the container, or else the image, or else an image that an
// import left without a name. done is true if there was none of these.
func clearTrialOnce(ctx context.Context, c *Client, name string) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	if err := c.agree(ctx); err != nil {
		return false, err
	}
	found, err := findTrial(ctx, c, name)
	if err != nil {
		return false, err
	}
	if found != nil {
		return false, removeContainer(ctx, c, found)
	}
	if err := removeImage(ctx, c, name); !errdefs.IsNotFound(err) {
		return false, err
	}
	nameless, err := untaggedImages(ctx, c, name)
	for _, id := range nameless {
		if err := removeImage(ctx, c, id); err != nil && !errdefs.IsNotFound(err) {
			return false, err
		}
	}
	return err == nil && len(nameless) == 0, err
}

func removeImage(ctx context.Context, c *Client, ref string) error {
	_, err := c.moby.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	return err
}

// untaggedImages lists the untagged images of a trial: dockerd stores an image before
// it names it, and may stop in between.
func untaggedImages(ctx context.Context, c *Client, name string) ([]string, error) {
	list, err := c.moby.ImageList(ctx, client.ImageListOptions{
		Filters: make(client.Filters).Add("dangling", "true").Add("label", trialLabel+"="+name),
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range list.Items {
		named := slices.ContainsFunc(one.RepoTags, func(tag string) bool { return tag != "<none>:<none>" })
		if !named && one.Labels[trialLabel] == name {
			ids = append(ids, one.ID)
		}
	}
	return ids, nil
}

// removeContainer asks dockerd to remove the container. If it is gone, or
// AutoRemove is already removing it, the next look finds out.
func removeContainer(ctx context.Context, c *Client, found *container.Summary) error {
	limit := removeWithin
	if found.State == container.StateCreated {
		limit = hangsAfter
	}
	patient, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := c.moby.ContainerRemove(patient, found.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if patient.Err() != nil && ctx.Err() == nil && containerID().MatchString(found.ID) {
		err = errors.Join(err, killRuntime("/proc", found.ID))
	}
	return err
}

// findTrial returns the container with the name, or nil. It uses the list,
// because an inspection waits for a start that hangs.
func findTrial(ctx context.Context, c *Client, name string) (*container.Summary, error) {
	list, err := c.moby.ContainerList(ctx, client.ContainerListOptions{
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
