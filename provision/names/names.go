// Package names keeps the names of containers in sandboxes resolvable on networks that users made, such as those of
// Compose. Docker's DNS answers at 127.0.0.11, in the loopback of a container's network namespace; a sandbox has a
// loopback of its own. So the names that Docker's DNS would answer are kept in the container's hosts file, and its upstream
// name servers in resolv.conf.
//
// It guarantees that it changes those two files alone, in place, and in them no byte that another program wrote, but for
// the one line of resolv.conf that names Docker's DNS. A file that is not as dockerd writes it is left as it is, and
// reported. It never asks dockerd about a container: a container that starts would make it wait until the start is over.
//
// A container's own program can write to both files at any time. It can break its own names with that, and cost a limited
// amount of work.
package names

import (
	"context"
	"net/netip"
	"slices"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/engine"
)

// Goal is what a Keeper keeps. The zero Goal is nothing: what was written stays.
type Goal struct {
	Mode     Mode
	DataRoot string   // of dockerd, as /info says
	Owner    uint32   // the host's id of root in remapped containers, or 0
	Runtimes []string // of the containers whose names are kept
	// DNS are the name servers of daemon.json or dockerd's flags.
	DNS []netip.Addr
	// Etc is the host's /etc. Resolved is the file in which systemd-resolved names the servers that it asks itself.
	Etc, Resolved string
	// Dial connects to dockerd.
	Dial func() (Docker, error)
}

// Docker is the part of a client of dockerd that a Keeper needs. None of it is about a container.
type Docker interface {
	Networks(context.Context) ([]engine.Network, error)
	Connected(ctx context.Context, network string) (n engine.Connected, found bool, err error)
	Close() error
}

// Mode is what shall become of the names.
type Mode string

// The modes.
const (
	Leave    Mode = ""         // nothing is written
	Maintain Mode = "maintain" // names are kept
	Off      Mode = "off"      // what was written is taken back
)

func (g Goal) same(other Goal) bool {
	return g.Mode == other.Mode && g.DataRoot == other.DataRoot && g.Owner == other.Owner &&
		slices.Equal(g.Runtimes, other.Runtimes) && slices.Equal(g.DNS, other.DNS)
}

// covers reports whether the names of a container are kept while it runs.
func (g Goal) covers(c containerdir.Container) bool {
	return !c.Shares && slices.Contains(g.Runtimes, c.Runtime)
}

// Report is what a Keeper has achieved.
type Report struct {
	Mode Mode
	// Kept is how many running containers have all their names, of Ours.
	Kept, Ours int
	// Left are containers with files that were left alone, by ID, at most maxLeft.
	Left []Left
	// Err is why nothing can be kept, or nil.
	Err error
}

// Left is a file that was left alone.
type Left struct {
	ID, Name string // of the container
	File     string // hosts, resolv.conf, or the description config.v2.json
	Reason   string
}

// maxLeft is how many containers a Report names.
const maxLeft = 50

// Keeper keeps the names of one host. Report gets each changed Report, from the goroutine of Maintain.
type Keeper struct {
	Report func(Report)
}

// Maintain keeps the latest of goals until ctx ends. What was written then stays.
func (k *Keeper) Maintain(ctx context.Context, goals <-chan Goal) {
	r := newRun(k.Report)
	defer r.close()
	for {
		select {
		case <-ctx.Done():
			return
		case goal := <-goals:
			r.take(goal)
		case events := <-r.heard():
			r.hear(events)
		case answer := <-r.answers:
			r.learn(answer)
		case <-r.again.C:
			r.retry()
		}
		r.work(ctx)
	}
}
