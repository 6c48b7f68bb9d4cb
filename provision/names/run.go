package names

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
)

const (
	// againAfter is when to look again at what could not be done.
	againAfter = time.Second
	// maxAgain is the longest time until then, after failures in a row.
	maxAgain = time.Minute
	// soon is when to ask dockerd again for the addresses of a container that starts.
	soon = 25 * time.Millisecond
	// maxAsks is how often to ask. A start takes less than a second; if it takes longer, its next write asks again.
	maxAsks = 40
)

// run is the work of a Keeper. Its goroutine alone touches its fields.
type run struct {
	report   func(Report)
	reported Report

	goal     Goal
	root     *containerdir.Root
	inotify  *inotify
	all      map[string]*one
	networks map[string]dockerdns.Network // by name
	// starting are the addresses that dockerd has given to containers that start, by network and container.
	starting map[string]map[string][]netip.Addr
	asking   map[string]bool // networks that dockerd is asked about; "" is the list of them
	askMore  map[string]bool // what to ask about again, after that
	answers  chan answer
	unlisted bool // dockerd did not list its networks
	again    *time.Timer
	due      time.Time // when again fires; zero if it is not set
	err      error
}

// one is a container.
type one struct {
	containerdir.Container
	reload     bool // its description must be read
	hosts      bool // its hosts file must be looked at
	resolv     bool // the same for its resolv.conf
	starts     bool // dockerd is starting it
	asks       int  // how often its addresses were asked for in this start
	pace       pace
	left       map[string]string // why a file was left alone
	complete   bool              // its hosts file has all names
	watched    bool              // its two files are watched as well
	unknown    int               // looks in a row that found a network which dockerd has not listed
	failed     int               // looks in a row that failed
	unfinished int               // looks in a row that found a file being written
}

func newRun(report func(Report)) *run {
	r := &run{report: report, answers: make(chan answer), again: time.NewTimer(0)}
	<-r.again.C
	return r
}

// take begins to keep a goal.
func (r *run) take(g Goal) {
	same := r.goal.same(g)
	moved := r.goal.DataRoot != g.DataRoot || r.goal.Mode != g.Mode
	r.goal = g
	if same && (r.root != nil || g.Mode == Leave) {
		return
	}
	if moved || r.root == nil {
		r.open()
		return
	}
	for _, c := range r.all {
		c.touch()
	}
}

// touch makes the next work look at both files.
func (c *one) touch() { c.hosts, c.resolv = true, true }

// open begins with all containers.
func (r *run) open() {
	r.close()
	r.all, r.networks = map[string]*one{}, map[string]dockerdns.Network{}
	r.starting, r.asking, r.askMore = map[string]map[string][]netip.Addr{}, map[string]bool{}, map[string]bool{}
	if r.err = nil; r.goal.Mode == Leave {
		return
	}
	if r.err = r.openRoot(); r.err != nil {
		r.close()
		r.lookAgain(againAfter)
	}
}

func (r *run) openRoot() (err error) {
	if r.root, err = containerdir.Open(r.goal.DataRoot); err != nil {
		return err
	}
	if r.goal.Mode == Maintain {
		if r.inotify, err = newInotify(); err != nil {
			return err
		}
		if err := r.inotify.add(r.root.Path(), ""); err != nil {
			return err
		}
		r.ask("")
	}
	return r.list()
}

// list finds the containers.
func (r *run) list() error {
	ids, err := r.root.IDs()
	if err != nil {
		return err
	}
	for id := range r.all {
		if !slices.Contains(ids, id) {
			r.forget(id)
		}
	}
	for _, id := range ids {
		if err := r.add(id); err != nil {
			return err
		}
	}
	return nil
}

// add looks at a container, and watches it.
func (r *run) add(id string) error {
	if r.inotify != nil {
		if err := r.inotify.add(r.root.Dir(id), id); errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			return nil
		} else if err != nil {
			return err
		}
	}
	c := r.all[id]
	if c == nil {
		c = &one{left: map[string]string{}}
		c.ID = id
		r.all[id] = c
	}
	c.reload = true
	c.touch()
	return nil
}

func (r *run) forget(id string) {
	if c := r.all[id]; c != nil {
		delete(r.all, id)
		r.touchPeers(c)
	}
}

// close ends the watching.
func (r *run) close() {
	if r.inotify != nil {
		r.inotify.close()
	}
	if r.root != nil {
		_ = r.root.Close() // a directory
	}
	r.inotify, r.root = nil, nil
}

// heard are the events, if anything is watched.
func (r *run) heard() <-chan []event {
	if r.inotify == nil {
		return nil
	}
	return r.inotify.events
}

func (r *run) try(err error) {
	if err != nil {
		r.fail(err)
	}
}

// fail ends the watching, until retry.
func (r *run) fail(err error) {
	r.close()
	r.err = err
	r.lookAgain(againAfter)
}

// lookAgain makes retry come after a time, or earlier.
func (r *run) lookAgain(in time.Duration) {
	at := time.Now().Add(in)
	if r.due.IsZero() || at.Before(r.due) {
		r.due = at
		r.again.Reset(in)
	}
}

// retry does again what could not be done.
func (r *run) retry() {
	r.due = time.Time{}
	if r.root == nil {
		if r.goal.Mode != Leave {
			r.open()
		}
		return
	}
	if r.unlisted {
		r.ask("")
	}
	for _, c := range r.all {
		if _, unread := c.left[containerdir.ConfigName]; unread {
			c.reload = true
		}
		c.resolv = c.resolv || c.unknown > 0
		if len(c.left) > 0 || c.Running && !c.complete {
			c.touch()
		}
		if c.starts && c.asks < maxAsks {
			c.asks++
			r.askFor(c)
		}
	}
}

// work does what is due.
func (r *run) work(ctx context.Context) {
	if r.root != nil {
		r.reload()
		if r.goal.Mode == Off {
			r.clear()
		} else {
			r.keep()
			r.sendAsks(ctx)
		}
	}
	r.tell()
}
