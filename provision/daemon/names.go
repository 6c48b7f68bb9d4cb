package daemon

import (
	"context"
	"fmt"
	"sync"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/names"
	"runsc-provisioner/provision/naming"
	"runsc-provisioner/provision/status"
)

// nameKeeping keeps the names of containers in sandboxes, beside the rounds: a container that starts cannot wait for one.
type nameKeeping struct {
	goals   chan names.Goal
	reports chan names.Report
	running sync.WaitGroup
}

func (n *nameKeeping) start(ctx context.Context) {
	n.goals, n.reports = make(chan names.Goal, 1), make(chan names.Report)
	keeper := names.Keeper{Report: func(r names.Report) {
		select {
		case n.reports <- r:
		case <-ctx.Done():
		}
	}}
	n.running.Go(func() { keeper.Maintain(ctx, n.goals) })
}

// end waits until the current file is written, after the context has ended.
func (n *nameKeeping) end() { n.running.Wait() }

// aim sets the goal to what a round has seen. A goal that was not taken yet is replaced.
func (n *nameKeeping) aim(h *host.Host, c config.Config, o host.Observed) {
	if o.Engine == nil {
		return // Docker is down: what is there stays
	}
	goal := naming.Goal(h, c, o)
	select {
	case <-n.goals:
	default:
	}
	n.goals <- goal
}

// heardNames records how the keeping of names stands.
func (l *loop) heardNames(r names.Report) {
	if r.Mode != names.Maintain && len(r.Left) == 0 && r.Err == nil {
		l.changed = l.changed || l.status.Names != nil
		l.status.Names = nil
		return
	}
	s := &status.Names{Kept: r.Kept, Of: r.Ours}
	if r.Err != nil {
		s.Error = r.Err.Error()
	}
	known := map[status.Unnamed]bool{}
	if l.status.Names != nil {
		for _, u := range l.status.Names.Left {
			known[once(u)] = true
		}
	}
	for _, left := range r.Left {
		u := status.Unnamed{ID: left.ID, Name: left.Name, File: left.File, Why: left.Reason}
		s.Left = append(s.Left, u)
		if !known[once(u)] {
			known[once(u)] = true
			l.tell(status.Notice{
				Kind:   status.Nameless,
				Text:   fmt.Sprintf("container %.12s (%q) may not find all names, by its file %s: %s", u.ID, u.Name, u.File, u.Why),
				Fields: map[string]string{status.FieldContainer: u.ID, status.FieldName: u.Name, status.FieldItem: u.File, status.FieldWhy: u.Why},
			})
		}
	}
	if s.Error != "" {
		l.tellOnce(status.Notice{Kind: status.Nameless, Text: "names of containers cannot be kept: " + s.Error, Fields: map[string]string{status.FieldWhy: s.Error}})
	} else {
		delete(l.standing, status.Nameless)
	}
	l.status.Names, l.changed = s, true
}

// once is equal for two that one notice is enough for: what keeps resolv.conf from being changed is about the host.
func once(u status.Unnamed) status.Unnamed {
	if u.File == containerdir.ResolvName {
		return status.Unnamed{File: u.File, Why: u.Why}
	}
	return u
}
