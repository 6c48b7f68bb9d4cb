package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// inspection is the part of GET /containers/ID/json that is needed. moby's own
// type is not used: it refuses the whole answer for one address that it cannot
// parse, and dockerd (20.10 and 26.1) runs containers whose port bindings name
// "localhost" or 010.0.0.1. One such container would hide all others.
type inspection struct {
	ID      string `json:"Id"`
	Name    string
	Image   string
	Created string
	State   *struct {
		Status    string
		Running   bool
		Pid       int
		StartedAt string
	}
	HostConfig *struct {
		Runtime      string
		Privileged   bool
		UsernsMode   string
		NetworkMode  string
		PidMode      string
		IpcMode      string
		UTSMode      string
		CgroupnsMode string
		CapAdd       []string
		SecurityOpt  []string
		Devices      []struct{ PathOnHost, PathInContainer string }
		Annotations  map[string]string
	}
	Mounts []struct {
		Type, Source, Destination string
		RW                        bool
	}
	Config *struct {
		Image  string
		Labels map[string]string
	}
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
	// What cannot be read as a time is before all others.
	created, _ := time.Parse(time.RFC3339Nano, said.Created)
	one := Container{
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
		Created:     created,
		CapAdd:      said.HostConfig.CapAdd,
		SecurityOpt: said.HostConfig.SecurityOpt,
		Annotations: said.HostConfig.Annotations,
		Labels:      said.Config.Labels,
	}
	for _, mode := range []struct{ name, is string }{
		{"network", said.HostConfig.NetworkMode}, {"pid", said.HostConfig.PidMode}, {"ipc", said.HostConfig.IpcMode},
		{"uts", said.HostConfig.UTSMode}, {"cgroupns", said.HostConfig.CgroupnsMode},
	} {
		if mode.is == "host" {
			one.HostNamespaces = append(one.HostNamespaces, mode.name)
		}
	}
	for _, device := range said.HostConfig.Devices {
		one.Devices = append(one.Devices, Device{Source: device.PathOnHost, Destination: device.PathInContainer})
	}
	for _, mount := range said.Mounts {
		if mount.Type == "bind" {
			one.Mounts = append(one.Mounts, Mount{Source: mount.Source, Destination: mount.Destination, Writable: mount.RW})
		}
	}
	return one, nil
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
