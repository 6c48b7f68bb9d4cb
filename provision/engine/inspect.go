package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// inspect returns the zero Container for one that has no process any more.
func (c *Client) inspect(ctx context.Context, id string) (Container, error) {
	said, err := c.askInspection(ctx, id)
	if err != nil || said == nil {
		return Container{}, err
	}
	if said.ID != id || said.State == nil || said.HostConfig == nil || said.Config == nil {
		return Container{}, errors.New("the answer is not about this container")
	}
	if !said.State.Running || said.State.Pid == 0 {
		return Container{}, nil
	}
	started, err := time.Parse(time.RFC3339Nano, said.State.StartedAt)
	if err != nil {
		return Container{}, fmt.Errorf("start time: %w", err)
	}
	one := said.container()
	one.PID, one.StartedAt = said.State.Pid, started
	return one, nil
}

// Asked is what the container with an ID or a name was created with, whatever
// its state: it has no PID and no start.
func (c *Client) Asked(ctx context.Context, name string) (one Container, found bool, err error) {
	if err := c.agree(ctx); err != nil {
		return Container{}, false, c.explain(ctx, "look up a container", err)
	}
	said := new(inspection)
	found, err = c.get(ctx, "/containers/"+url.PathEscape(name)+"/json", said)
	if err != nil || !found {
		return Container{}, false, c.explain(ctx, "look up a container", err)
	}
	if said.HostConfig == nil || said.Config == nil {
		return Container{}, false, c.explain(ctx, "look up a container", errors.New("the answer is not about a container"))
	}
	return said.container(), true, nil
}

// askInspection returns nil for a container that is gone.
func (c *Client) askInspection(ctx context.Context, id string) (*inspection, error) {
	said := new(inspection)
	found, err := c.get(ctx, "/containers/"+id+"/json", said)
	if err != nil || !found {
		return nil, err
	}
	return said, nil
}

// Lookup finds the ID of the container with a name, or with an ID that begins
// so, whatever its state.
func (c *Client) Lookup(ctx context.Context, name string) (id string, found bool, err error) {
	if err := c.agree(ctx); err != nil {
		return "", false, c.explain(ctx, "look up a container", err)
	}
	said := new(inspection)
	found, err = c.get(ctx, "/containers/"+url.PathEscape(name)+"/json", said)
	if err == nil && found && !containerID.MatchString(said.ID) {
		err = errors.New("the answer names no container")
	}
	return said.ID, found, c.explain(ctx, "look up a container", err)
}
