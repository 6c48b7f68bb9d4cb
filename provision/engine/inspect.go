package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"runsc-provisioner/verify"
)

// running returns the zero Container for one that no longer has a process, unless dockerd is about to start it
// again.
func (i *inspection) running() verify.Container {
	if !i.State.Restarting && (!i.State.Running || i.State.Pid == 0) {
		return verify.Container{}
	}
	one := i.container()
	one.PID, one.Restarting = i.State.Pid, i.State.Pid == 0
	return one
}

// Requested returns what the container with an ID or a name was created with, in
// any state. PID is not set.
func (c *Client) Requested(ctx context.Context, name string) (one verify.Container, found bool, err error) {
	if err := c.agree(ctx); err != nil {
		return verify.Container{}, false, c.withAct(ctx, "look up a container", err)
	}
	said, err := c.askInspection(ctx, name)
	if err != nil || said == nil {
		return verify.Container{}, false, c.withAct(ctx, "look up a container", err)
	}
	if !said.isComplete() {
		return verify.Container{}, false, c.withAct(ctx, "look up a container", errors.New("the answer is not about a container"))
	}
	return said.container(), true, nil
}

// isComplete reports whether the answer has every part that makes a Container.
func (i *inspection) isComplete() bool { return i.HostConfig != nil && (i.Config != nil || i.cut) }

// askInspection returns nil for a container that is gone.
func (c *Client) askInspection(ctx context.Context, name string) (*inspection, error) {
	said := new(inspection)
	found, err := c.request(ctx, "/containers/"+url.PathEscape(name)+"/json", said.read)
	if err != nil || !found {
		return nil, err
	}
	return said, nil
}

// askAbout is askInspection by ID. An answer that does not describe that container is an *Unreadable.
func (c *Client) askAbout(ctx context.Context, id string) (*inspection, error) {
	said, err := c.askInspection(ctx, id)
	if err == nil && said != nil && (said.ID != id || said.State == nil || !said.isComplete()) {
		return nil, &Unreadable{errors.New("the answer is not about this container")}
	}
	return said, err
}

// errEnough ends the reading of an answer.
var errEnough = errors.New("enough was read")

// Lookup finds the ID of the container with a name or an ID prefix, in any
// state.
func (c *Client) Lookup(ctx context.Context, name string) (id string, found bool, err error) {
	if err := c.agree(ctx); err != nil {
		return "", false, c.withAct(ctx, "look up a container", err)
	}
	// Stop at the ID: the rest of the answer may be too large.
	found, err = c.request(ctx, "/containers/"+url.PathEscape(name)+"/json", func(answer *json.Decoder) error {
		return eachPart(answer, func(part string) error {
			if part != "Id" {
				return answer.Decode(&unneeded{})
			}
			if err := answer.Decode(&id); err != nil {
				return err
			}
			return errEnough
		})
	})
	if errors.Is(err, errEnough) {
		found, err = true, nil
	}
	if err == nil && found && !containerID().MatchString(id) {
		err = errors.New("the answer has no container ID")
	}
	return id, found, c.withAct(ctx, "look up a container", err)
}
