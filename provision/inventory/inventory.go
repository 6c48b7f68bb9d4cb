// Package inventory lists the containers of a host, in any state, with what dockerd and the host's files tell about
// them. It asks dockerd once for each, and only when it is called: a plan that leaves the default runtime as it is
// costs dockerd nothing. It changes nothing, and ends in time even if dockerd or a mounted path hangs.
package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

const (
	// maxContainers is how many containers are looked at, the newest ones.
	maxContainers = 1000
	// answerTime limits all of dockerd's answers. A thousand containers take about a second.
	answerTime = 10 * time.Second
	// maxNamed is how many containers are named that could not be looked at.
	maxNamed = 5
)

// Of lists the containers of the dockerd of o, by name, and says in unseen what was not looked at, and why. sized
// asks how much each has written: dockerd reads its files for that. o.Engine must not be nil. The error is a
// *blocked.Unreachable.
func Of(ctx context.Context, h *host.Host, o host.Observed, sized bool) (all []difference.Container, unseen []string, err error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	var stored []engine.StoredContainer
	partial := false
	err = host.Ask(ctx, answerTime, func(ctx context.Context) (err error) {
		stored, partial, err = client.Stored(ctx, maxContainers, sized)
		return err
	})
	if err != nil {
		return nil, nil, blocked.DockerdSilent(err)
	}
	if partial {
		unseen = append(unseen, fmt.Sprintf("there are more than %d containers: only the newest ones were looked at", maxContainers))
	}
	all, failed := look(stored, time.After(LookTime))
	return all, append(unseen, failed...), nil
}

// look adds what the host's files tell about the containers.
func look(stored []engine.StoredContainer, late <-chan time.Time) (all []difference.Container, unseen []string) {
	var mounts, unread, denied []string
	for _, c := range stored {
		for _, m := range c.Mounts {
			mounts = append(mounts, m.Source)
		}
	}
	seen := LookAt(mounts, sockets, late)
	for _, c := range stored {
		if c.Unread != nil {
			unread = append(unread, c.Name)
		}
		hides, err := hidesTmp(c)
		if err != nil {
			denied = append(denied, c.Name)
		}
		running := c.State == "running" || c.State == "paused" || c.State == "restarting"
		all = append(all, difference.Container{Container: c.Container, Running: running, Bytes: c.Bytes, Sockets: seen, HiddenTmp: hides})
	}
	addPeers(all)
	if len(unread) > 0 {
		unseen = append(unseen, "dockerd's answer about these containers cannot be used: "+verify.PrintableList(unread, maxNamed))
	}
	if len(denied) > 0 {
		unseen = append(unseen, "whether these containers have files in /tmp could not be read (root can): "+verify.PrintableList(denied, maxNamed))
	}
	return all, unseen
}

// addPeers fills in the other containers on the network of each.
func addPeers(all []difference.Container) {
	on := map[string][]string{}
	for _, c := range all {
		if c.Network != "" {
			on[c.Network] = append(on[c.Network], c.Name)
		}
	}
	for i, c := range all {
		peers := slices.Sorted(slices.Values(on[c.Network]))
		all[i].Peers = slices.DeleteFunc(peers, func(name string) bool { return name == c.Name })
	}
}
