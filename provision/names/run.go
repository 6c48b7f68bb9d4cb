package names

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/engine"
)

const (
	// againAfter is when to look again at what could not be done.
	againAfter = time.Second
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
	again    *time.Timer
	due      time.Time // when again fires; zero if it is not set
	err      error
	counts   Counts
}

// one is a container.
type one struct {
	containerdir.Container
	reload   bool // its description must be read
	hosts    bool // its hosts file must be looked at
	resolv   bool // the same for its resolv.conf
	starts   bool // dockerd is starting it
	asks     int  // how often its addresses were asked for in this start
	pace     pace
	left     map[string]string // why a file was left alone
	complete bool              // its hosts file has all names
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

// hear notes what has changed.
func (r *run) hear(events []event) {
	for _, e := range events {
		c := r.all[e.id]
		switch {
		case e.lost():
			r.try(r.list())
		case e.id == "" && e.mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_IGNORED|unix.IN_UNMOUNT) != 0:
			r.fail(fmt.Errorf("%s was removed", r.root.Path()))
			return
		case e.id == "" && !engine.IsContainerID(e.name):
		case e.id == "" && e.mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
			r.try(r.add(e.name))
		case e.id == "" && e.mask&unix.IN_DELETE != 0:
			r.forget(e.name)
		case c == nil:
		case e.mask&unix.IN_MOVED_TO != 0 && e.name == containerdir.ConfigName:
			// dockerd writes it when a start is over, or something else is.
			r.startEnded(c)
			c.reload = true
		case e.mask&unix.IN_MOVED_TO != 0 && e.name == containerdir.HostConfigName:
			c.reload = true
		case e.mask&unix.IN_CLOSE_WRITE != 0 && e.name == containerdir.HostsName:
			r.written(c)
			c.hosts = true
		case e.mask&unix.IN_CLOSE_WRITE != 0 && e.name == containerdir.ResolvName:
			r.written(c)
			c.resolv = true
		}
	}
}

// written notes that something has written to a file of a container. If it does not run, dockerd is starting it.
func (r *run) written(c *one) {
	if c.Running {
		c.pace.heard()
		return
	}
	c.starts, c.pace = true, pace{} // its own program does not run yet
	r.askFor(c)
}

// startEnded takes back what a container had while dockerd was starting it.
func (r *run) startEnded(c *one) {
	if c.starts {
		c.starts, c.asks = false, 0
		r.touchPeers(c)
	}
}

// askFor asks for the addresses of a container that starts.
func (r *run) askFor(c *one) {
	for _, e := range c.Endpoints {
		if dockerdns.HasDNS(e.Network) {
			r.ask(e.Network)
		}
	}
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
	for _, c := range r.all {
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

// reload reads the descriptions that have changed.
func (r *run) reload() {
	for _, id := range slices.Sorted(maps.Keys(r.all)) {
		c := r.all[id]
		if !c.reload {
			continue
		}
		c.reload = false
		now, err := r.root.Read(id)
		switch {
		case containerdir.IsGone(err):
			// It is being created, and the file comes, or it was removed.
			continue
		case err != nil:
			c.left["description"] = err.Error()
			r.lookAgain(againAfter)
			continue
		}
		delete(c.left, "description")
		before := *c
		if c.Container = now; !c.Running && !c.starts && c.HostsNewer {
			// Its first events came before it was watched.
			c.starts = true
			r.askFor(c)
			r.touchPeers(c)
			c.touch()
		}
		if !sameNames(before.Container, now) {
			r.touchPeers(&before)
			r.touchPeers(c)
			c.touch()
		}
	}
}

// sameNames reports whether two descriptions of a container give the same names to others, and to its files.
func sameNames(a, b containerdir.Container) bool {
	return a.Running == b.Running && a.Name == b.Name && a.Runtime == b.Runtime &&
		slices.EqualFunc(a.Endpoints, b.Endpoints, func(x, y dockerdns.Endpoint) bool {
			return x.Network == y.Network && x.Priority == y.Priority && slices.Equal(x.Names, y.Names) &&
				slices.Equal(x.Links, y.Links) && slices.Equal(x.Addrs, y.Addrs)
		})
}

// touchPeers makes the next work look at the hosts files of all on the networks of c.
func (r *run) touchPeers(c *one) {
	on := map[string]bool{}
	for _, e := range c.Endpoints {
		on[e.Network] = true
	}
	r.touchOn(on)
}

func (r *run) touchOn(networks map[string]bool) {
	for _, c := range r.all {
		if slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool { return networks[e.Network] }) {
			c.hosts = true
		}
	}
}

// tell reports what has changed.
func (r *run) tell() {
	now := Report{Err: r.err, Counts: r.counts}
	for _, id := range slices.Sorted(maps.Keys(r.all)) {
		c := r.all[id]
		if c.Running && c.complete && len(c.left) == 0 && r.goal.Mode == Maintain {
			now.Kept++
		}
		for _, file := range slices.Sorted(maps.Keys(c.left)) {
			if len(now.Left) < maxLeft {
				now.Left = append(now.Left, Left{ID: id, Name: c.Name, File: file, Reason: c.left[file]})
			}
		}
	}
	if r.reported.Kept == now.Kept && slices.Equal(r.reported.Left, now.Left) && text(r.reported.Err) == text(now.Err) {
		return
	}
	r.reported = now
	r.report(now)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// answer is what dockerd has said about a network, or about all for the name "".
type answer struct {
	network string
	all     []engine.Network
	one     engine.Connected
	found   bool
	err     error
}

// ask makes work ask dockerd about a network; "" is the list of them.
func (r *run) ask(network string) { r.askMore[network] = true }

// sendAsks asks dockerd, each network once at a time.
func (r *run) sendAsks(ctx context.Context) {
	for network := range r.askMore {
		if r.asking[network] {
			continue
		}
		r.asking[network] = true
		delete(r.askMore, network)
		go r.askOne(ctx, r.goal.Dial, network, r.answers)
	}
}

func (*run) askOne(ctx context.Context, dial func() (Docker, error), network string, to chan<- answer) {
	said := answer{network: network}
	client, err := dial()
	if err == nil {
		if network == "" {
			said.all, err = client.Networks(ctx)
		} else {
			said.one, said.found, err = client.Connected(ctx, network)
		}
		_ = client.Close()
	}
	said.err = err
	select {
	case to <- said:
	case <-ctx.Done():
	}
}

// learn takes an answer of dockerd.
func (r *run) learn(a answer) {
	delete(r.asking, a.network)
	switch {
	case a.err != nil:
		// dockerd is down, or restarts. Nothing starts then.
		if a.network == "" {
			r.ask("")
		}
		r.lookAgain(againAfter)
	case a.network == "":
		for _, n := range a.all {
			r.learnNetwork(n)
		}
	case a.found:
		r.learnNetwork(a.one.Network)
		r.learnAddresses(a.network, a.one.Addrs)
	}
}

// learnNetwork takes what decides about the order of networks and about upstream name servers.
func (r *run) learnNetwork(n engine.Network) {
	now := dockerdns.Network{Internal: n.Internal, IPv6: n.EnableIPv6}
	if before, known := r.networks[n.Name]; known && before == now {
		return
	}
	r.networks[n.Name] = now
	for _, c := range r.all {
		if c.isOn(n.Name) {
			c.touch()
		}
	}
}

func (c *one) isOn(network string) bool {
	return slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool { return e.Network == network })
}

// learnAddresses takes the addresses of containers that start.
func (r *run) learnAddresses(network string, addrs map[string][]netip.Addr) {
	now := map[string][]netip.Addr{}
	for id, c := range r.all {
		if c.Running || !c.starts {
			continue
		}
		if at := addrs[id]; len(at) > 0 {
			now[id] = at
		} else if c.isOn(network) {
			r.lookAgain(soon)
		}
	}
	if !maps.EqualFunc(r.starting[network], now, slices.Equal) {
		r.starting[network] = now
		r.touchOn(map[string]bool{network: true})
	}
}

// view is a container as Docker's DNS knows it now.
func (r *run) view(c *one) dockerdns.Container {
	seen := c.Container.Container
	if c.Running || !c.starts {
		return seen
	}
	seen.Starting = true
	seen.Endpoints = slices.Clone(seen.Endpoints)
	for i, e := range seen.Endpoints {
		seen.Endpoints[i].Addrs = r.starting[e.Network][c.ID]
	}
	return seen
}

// isOurs reports whether the names of a container are kept.
func (r *run) isOurs(c *one) bool {
	return (c.Running || c.starts) && !c.Shares && slices.Contains(r.goal.Runtimes, c.Runtime)
}

// ownNames are the names, in lower case, in lines that dockerd writes for a container.
func (r *run) ownNames(c *one) map[string]bool {
	names := []string{c.Hostname, c.Hostname + "." + c.Domain}
	names = append(names, c.ExtraHosts...)
	for _, link := range c.Links {
		target, alias, _ := strings.Cut(link, ":")
		names = append(names, target, alias)
		for _, other := range r.all {
			if other.Name == strings.TrimPrefix(target, "/") {
				names = append(names, other.Hostname)
			}
		}
	}
	own := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(name)
		first, _, _ := strings.Cut(name, ".")
		own[name], own[first] = true, true
	}
	return own
}
