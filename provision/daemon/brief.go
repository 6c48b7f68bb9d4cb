package daemon

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/verify"
)

const (
	// maxCreated is how many containers are remembered that were created and not removed.
	maxCreated = 4096
	// maxAsks is how many of them dockerd is asked about at once. It answers for one that
	// is starting only once that is over.
	maxAsks = 8
)

// brief judges containers that end before a look at them, which takes up to 200 ms, by the
// runtime that they were created with. dockerd is asked for it when it has created one.
type brief struct {
	created map[string]creation // by ID
	asks    []string            // IDs to ask dockerd about
	asking  int
	learned chan creation
}

// creation is what dockerd said of a container when it was created.
type creation struct {
	id        string
	container verify.Container // the zero Container until it is learned
	learned   bool             // dockerd has answered, or cannot
	known     bool             // container is set
	sandboxed bool             // its runtime runs a release of ours
	allowed   bool             // it may run outside a sandbox, by its image
	ended     bool             // it has ended without a look
}

func (b *brief) init() { b.created, b.learned = map[string]creation{}, make(chan creation) }

// forget drops all containers, because Docker has stopped.
func (b *brief) forget() {
	clear(b.created)
	b.asks = nil
}

// create remembers a container that dockerd has created.
func (b *brief) create(id string) {
	if _, has := b.created[id]; !has && len(b.created) < maxCreated {
		b.created[id] = creation{id: id}
		b.asks = append(b.asks, id)
	}
}

// remove forgets a container, unless it has yet to be judged.
func (b *brief) remove(id string) {
	if c := b.created[id]; !c.ended {
		delete(b.created, id)
	}
}

// beginAsks asks dockerd about containers, in goroutines.
func (l *loop) beginAsks(ctx context.Context, last *outcome) {
	b := &l.brief
	for ; len(b.asks) > 0 && b.asking < maxAsks; b.asks = b.asks[1:] {
		b.asking++
		id := b.asks[0]
		go func() {
			answer := learn(ctx, &l.Host.Host, last.config.Config, last.observed, id)
			select {
			case b.learned <- answer:
			case <-ctx.Done():
			}
		}()
	}
}

// learn asks dockerd what a container was created with. A container that is gone, or that
// dockerd cannot describe, is not known.
func learn(ctx context.Context, h *host.Host, c config.Config, o host.Observed, id string) creation {
	answer := creation{id: id, learned: true}
	err := h.Ask(ctx, func(ctx context.Context) error {
		client, err := h.Dial(o.Flags)
		if err != nil {
			return err
		}
		defer client.Close()
		var full verify.Container
		full, answer.known, err = client.Requested(ctx, id)
		// Labels, mounts and the rest may be large.
		answer.container = verify.Container{Name: full.Name, Image: full.Image, ImageID: full.ImageID, Runtime: full.Runtime}
		return err
	})
	if answer.known = answer.known && err == nil; answer.known {
		answer.judge(ctx, h, c, o)
	}
	return answer
}

// judge says whether the container was created for a sandbox, or may do without one.
func (a *creation) judge(ctx context.Context, h *host.Host, c config.Config, o host.Observed) {
	if a.sandboxed = runsOurs(c, o, a.container.Runtime); !a.sandboxed {
		// An error counts as not allowed.
		a.allowed, _ = h.ImageAllowed(ctx, o, a.container.ImageID, c.Enforce.AllowImages)
	}
}

// runsOurs reports whether a runtime starts sandboxes of a release in our store.
func runsOurs(c config.Config, o host.Observed, runtime string) bool {
	if _, ours := c.Docker.Runtimes[runtime]; ours {
		return true
	}
	return o.Engine != nil && runtimes.RunsRelease(o, o.Engine.Runtimes[runtime].Path)
}

// heardOf takes dockerd's answer about a container.
func (l *loop) heardOf(answer creation) {
	l.brief.asking--
	before, remembered := l.brief.created[answer.id]
	if !remembered {
		return // removed since, after a look
	}
	answer.ended = before.ended
	l.brief.created[answer.id] = answer
	if answer.ended {
		l.judgeBrief(answer)
	}
}

// endedUnseen judges a container that has ended without a look at it.
func (l *loop) endedUnseen(id string) {
	c, remembered := l.brief.created[id]
	if c.ended = true; !remembered {
		// It was created before this daemon listened; unless it is gone, dockerd knows it.
		c.id = id
		l.brief.asks = append(l.brief.asks, id)
	}
	l.brief.created[id] = c
	if c.learned {
		l.judgeBrief(c)
	}
}

// judgeBrief counts a container that has ended without a look, and reports one that ran
// outside a sandbox.
func (l *loop) judgeBrief(c creation) {
	delete(l.brief.created, c.id)
	n := &l.status.Counts.Brief
	l.changed = true
	switch {
	case !c.known:
		n.Unknown++
		return
	case c.sandboxed:
		n.Sandboxed++
		return
	}
	n.Outside++
	conf := l.lastOutcome.config.Config
	if _, managed := conf.Docker.Runtimes[conf.Docker.DefaultRuntime]; !managed || c.allowed {
		return
	}
	l.status.Counts.Unsandboxed++
	o := status.Outside{
		ID: c.id, Name: c.container.Name, Image: c.container.Image, Runtime: c.container.Runtime,
		Why: "it was created with runtime " + c.container.Runtime + ", and ended before the daemon looked at it",
	}
	l.tell(status.Notice{Kind: status.Unsandboxed, Text: fmt.Sprintf("container %.12s (%q, image %q) ran outside a sandbox: %s", o.ID, o.Name, o.Image, o.Why), Fields: fieldsOf(o)})
}
