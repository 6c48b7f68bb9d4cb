package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// inspection is the part of GET /containers/ID/json that is needed. moby's own
// type is not used: it refuses the whole answer for one address that it cannot
// parse, and dockerd (20.10 and 26.1) runs containers whose port bindings name
// "localhost" or 010.0.0.1. One such container would hide all others.
type inspection struct {
	ID    string `json:"Id"`
	Name  string
	Image string
	State *struct {
		Status    string
		Running   bool
		Pid       int
		StartedAt string
	}
	HostConfig *struct {
		Runtime     string
		Privileged  bool
		UsernsMode  string
		NetworkMode string
		PidMode     string
	}
	Config *struct{ Image string }
}

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
	return Container{
		ID:          id,
		Name:        strings.TrimPrefix(said.Name, "/"),
		Image:       said.Config.Image,
		ImageID:     said.Image,
		Runtime:     said.HostConfig.Runtime,
		PID:         said.State.Pid,
		StartedAt:   started,
		Privileged:  said.HostConfig.Privileged,
		UsernsMode:  said.HostConfig.UsernsMode,
		NetworkMode: said.HostConfig.NetworkMode,
		PidMode:     said.HostConfig.PidMode,
	}, nil
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
