package engine

import (
	"context"
	"slices"
	"strings"

	"runsc-provisioner/verify"
)

// StoredContainer is a container in any state. Its PID is not set.
type StoredContainer struct {
	verify.Container
	State string // created, running, paused, exited, …
	Bytes int64  // written since it was created, if that was asked for
	// Upper is the directory on the host with what the container wrote. Lower are those of its image, joined by
	// ":". They are empty unless the storage driver is overlay2.
	Upper, Lower string
}

// Stored lists the containers in any state, by name. It omits one that is removed meanwhile. Of more than most
// containers it lists the newest ones, and partial is true. If dockerd's answer about one is unusable, that one
// has its ID, Name and Unread. sized asks how much each has written, for which dockerd reads their files.
func (c *Client) Stored(ctx context.Context, most int, sized bool) (all []StoredContainer, partial bool, err error) {
	if err = c.agree(ctx); err == nil {
		all, partial, err = c.stored(ctx, most, sized)
	}
	return all, partial, c.withAct(ctx, "list containers", err)
}

func (c *Client) stored(ctx context.Context, most int, sized bool) (all []StoredContainer, partial bool, err error) {
	path := "/containers/json?all=1"
	if sized {
		path += "&size=1"
	}
	list, err := c.list(ctx, path) // the newest first
	if err != nil {
		return nil, false, err
	}
	partial = len(list) > most
	list = list[:min(len(list), most)]
	all = make([]StoredContainer, len(list)) // ID is empty for one that is gone
	err = c.inspectEach(ctx, list, func(i int, said *inspection, unread error) {
		if unread != nil {
			all[i].Container = verify.Container{ID: list[i].ID, Name: list[i].name(), Unread: unread}
			return
		}
		layers := said.GraphDriver.Data
		all[i] = StoredContainer{said.container(), said.State.Status, list[i].SizeRw, layers.UpperDir, layers.LowerDir}
	})
	all = slices.DeleteFunc(all, func(one StoredContainer) bool { return one.ID == "" })
	slices.SortFunc(all, func(a, b StoredContainer) int { return strings.Compare(a.Name, b.Name) })
	return all, partial, err
}
