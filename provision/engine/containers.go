package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"runsc-provisioner/pattern"
	"runsc-provisioner/verify"
)

const (
	// maxContainers is ten times the most that we know one host to run.
	maxContainers = 10_000
	// inspectors is how many containers are inspected in parallel.
	inspectors = 8
)

var containerID = pattern.Lazy(`^[0-9a-f]{64}$`)

// IsContainerID reports whether id is the whole ID of a container.
func IsContainerID(id string) bool { return containerID().MatchString(id) }

// Containers lists the containers that run, are paused or Restarting, sorted by
// ID. It omits one that ends meanwhile. If dockerd's answer about one is
// unusable, that verify.Container has its ID, Name and Unread. Any other failure is an
// error, so no container is missed silently.
func (c *Client) Containers(ctx context.Context) ([]verify.Container, error) {
	containers, err := c.containers(ctx)
	return containers, c.withAct(ctx, "list containers", err)
}

func (c *Client) containers(ctx context.Context) ([]verify.Container, error) {
	if err := c.agree(ctx); err != nil {
		return nil, err
	}
	list, err := c.list(ctx, runningPath)
	if err != nil {
		return nil, err
	}
	return c.inspectAll(ctx, list)
}

// Inspect is Containers for the containers with these IDs.
func (c *Client) Inspect(ctx context.Context, ids []string) ([]verify.Container, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "inspect containers", err)
	}
	list := make([]listed, len(ids))
	for i, id := range ids {
		list[i].ID = id
	}
	containers, err := c.inspectAll(ctx, list)
	if err == nil && slices.ContainsFunc(containers, func(one verify.Container) bool { return one.Unread != nil }) {
		containers, err = c.nameUnread(ctx, containers)
	}
	return containers, c.withAct(ctx, "inspect containers", err)
}

// nameUnread takes the names of containers that could not be inspected from the
// list, and drops those that the list no longer has.
func (c *Client) nameUnread(ctx context.Context, containers []verify.Container) ([]verify.Container, error) {
	list, err := c.list(ctx, runningPath)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(list))
	for _, item := range list {
		names[item.ID] = item.name()
	}
	kept := containers[:0]
	for _, one := range containers {
		name, runs := names[one.ID]
		if one.Unread != nil && !runs {
			continue
		}
		if one.Unread != nil {
			one.Name = name
		}
		kept = append(kept, one)
	}
	return kept, nil
}

func (c *Client) inspectAll(ctx context.Context, list []listed) ([]verify.Container, error) {
	found := make([]verify.Container, len(list)) // ID is empty for one that is gone
	err := c.inspectEach(ctx, list, func(i int, said *inspection, unread error) {
		if unread != nil {
			found[i] = verify.Container{ID: list[i].ID, Name: list[i].name(), Unread: unread}
			return
		}
		found[i] = said.running()
	})
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(one verify.Container) bool { return one.ID == "" })
	slices.SortFunc(found, func(a, b verify.Container) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// inspectEach asks about the containers of list, a few at the same time. It calls take with the index of each that
// is not gone, and with its description or why dockerd's answer is unusable.
func (c *Client) inspectEach(ctx context.Context, list []listed, take func(i int, said *inspection, unread error)) error {
	for _, item := range list {
		if !containerID().MatchString(item.ID) {
			return fmt.Errorf("container ID %q is not 64 hex digits", item.ID)
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(inspectors, len(list)) {
		workers.Go(func() {
			for i := range next {
				said, err := c.askAbout(ctx, list[i].ID)
				var unread *Unreadable
				switch {
				case errors.As(err, &unread):
					take(i, nil, err)
				case err != nil:
					stop(fmt.Errorf("inspect container %s: %w", list[i].ID, err))
				case said != nil:
					take(i, said, nil)
				}
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
