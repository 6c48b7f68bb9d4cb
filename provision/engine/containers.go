package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

const (
	// maxContainers is ten times what one host is known to run.
	maxContainers = 10_000
	// inspectors is how many containers are inspected at once.
	inspectors = 8
)

var containerID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Container is a container with a process.
type Container struct {
	ID      string // 64 hex digits
	Name    string // without the leading slash
	Image   string // as it was asked for
	ImageID string // "sha256:…"

	Runtime   string // the name it was created with
	PID       int    // of its first process, in dockerd's pid namespace
	StartedAt time.Time

	Privileged  bool
	UsernsMode  string // "host" where it opted out of userns-remap
	NetworkMode string
	PidMode     string

	Created        time.Time // zero where it makes no sense
	HostNamespaces []string  // those of network, pid, ipc, uts, cgroupns that are the host's
	Joins          []Join    // and those that are another container's
	CapAdd         []string
	SecurityOpt    []string
	MaskedPaths    []string // nil where dockerd names none
	ReadonlyPaths  []string
	Devices        []Device
	DeviceRules    []string // "c 1:3 rwm"
	DeviceRequests []string // "--gpus all"
	Mounts         []Mount
	Volumes        []MountedVolume
	Labels         map[string]string
	Annotations    map[string]string
}

// Join is a namespace that is another container's, by its ID or name.
type Join struct{ Kind, Container string }

// MountedVolume is a volume of the driver "local" in a container.
type MountedVolume struct {
	Name, Destination string
	Writable          bool
	Options           map[string]string // that it was to be made with; VolumeOptions has what it is
}

// Device is a device of the host inside a container.
type Device struct{ Source, Destination string }

// Mount is a path of the host inside a container.
type Mount struct {
	Source, Destination string
	Writable            bool
}

// Containers lists the containers that run or are paused, by ID. One that
// ends while it is looked at is left out; anything else that keeps one from
// being seen is an error, so that no container is missed silently.
func (c *Client) Containers(ctx context.Context) ([]Container, error) {
	containers, err := c.containers(ctx)
	return containers, c.explain(ctx, "list containers", err)
}

func (c *Client) containers(ctx context.Context) ([]Container, error) {
	if err := c.agree(ctx); err != nil {
		return nil, err
	}
	list, err := c.moby.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return nil, err
	}
	if len(list.Items) > maxContainers {
		return nil, fmt.Errorf("%d containers are more than the %d that are looked at", len(list.Items), maxContainers)
	}
	ids := make([]string, len(list.Items))
	for i, item := range list.Items {
		ids[i] = item.ID
	}
	return c.inspectAll(ctx, ids)
}

// Inspect looks at the containers with these IDs, as Containers does at all.
func (c *Client) Inspect(ctx context.Context, ids []string) ([]Container, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.explain(ctx, "inspect containers", err)
	}
	containers, err := c.inspectAll(ctx, ids)
	return containers, c.explain(ctx, "inspect containers", err)
}

func (c *Client) inspectAll(ctx context.Context, ids []string) ([]Container, error) {
	for _, id := range ids {
		if !containerID.MatchString(id) {
			return nil, fmt.Errorf("container ID %q is not 64 hex digits", id)
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	found := make([]Container, len(ids)) // in those that are gone, ID is empty
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(inspectors, len(ids)) {
		workers.Go(func() {
			for i := range next {
				one, err := c.inspect(ctx, ids[i])
				if err != nil {
					stop(fmt.Errorf("inspect container %s: %w", ids[i], err))
				}
				found[i] = one
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found = slices.DeleteFunc(found, func(one Container) bool { return one.ID == "" })
	slices.SortFunc(found, func(a, b Container) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// Names lists the names of the containers that run or are paused, sorted.
func (c *Client) Names(ctx context.Context) ([]string, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.explain(ctx, "list containers", err)
	}
	list, err := c.moby.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return nil, c.explain(ctx, "list containers", err)
	}
	names := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		name := item.ID
		if len(item.Names) > 0 {
			name = strings.TrimPrefix(item.Names[0], "/")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
