package names

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/hostsfile"
)

// Seen is what a look at the files of containers finds, with or without a Keeper.
type Seen struct {
	// Complete is how many running containers have all their names.
	Complete int
	// Lacking are those that do not, by name.
	Lacking []Lacking
	// Marked is how many containers, in any state, have lines of ours in their hosts file.
	Marked int
}

// Lacking is a container whose files do not have the names of others as they are.
type Lacking struct {
	ID, Name string // of the container
	// Missing are the containers, by name, that it does not find, or not all addresses of.
	Missing []string
	// Stale are names of ours that lead to an address which they do not have any more.
	Stale []string
	// Odd is why its file was not read; nil if it was.
	Odd error
}

// Look compares the hosts files of the running containers of a goal's runtimes with what Docker's DNS would answer. It
// changes nothing, and asks dockerd about networks only; without an answer, the addresses are not compared.
func Look(ctx context.Context, g Goal) (Seen, error) {
	root, err := containerdir.Open(g.DataRoot)
	if err != nil {
		return Seen{}, err
	}
	defer root.Close()
	ids, err := root.IDs()
	if err != nil {
		return Seen{}, err
	}
	l := look{networks: networksOf(ctx, g)}
	for _, id := range ids {
		c, err := root.Read(id)
		if containerdir.IsGone(err) {
			continue
		}
		if err != nil {
			return Seen{}, err
		}
		l.all = append(l.all, c.Container)
		f, err := root.Open(id, containerdir.HostsName)
		if err == nil && strings.Contains(f.Text, hostsfile.Mark) {
			l.seen.Marked++
		}
		// One that brings a hosts file of its own has what its user wants.
		if c.Running && !c.OwnHosts && g.covers(c) {
			l.ours = append(l.ours, file{c, f, err})
		}
	}
	return l.compare()
}

// networksOf asks dockerd; nil is unknown.
func networksOf(ctx context.Context, g Goal) map[string]dockerdns.Network {
	if g.Dial == nil {
		return nil
	}
	client, err := g.Dial()
	if err != nil {
		return nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	list, err := client.Networks(ctx)
	if err != nil {
		return nil
	}
	networks := map[string]dockerdns.Network{}
	for _, n := range list {
		networks[n.Name] = networkOf(n)
	}
	return networks
}

// answerWithin limits how long dockerd may take to answer.
const answerWithin = 5 * time.Second

// look is one Look.
type look struct {
	networks map[string]dockerdns.Network // nil if unknown
	ours     []file
	all      []dockerdns.Container
	seen     Seen
}

// file is the hosts file of a container, or why it could not be read.
type file struct {
	containerdir.Container
	*containerdir.File
	err error
}

func (l *look) compare() (Seen, error) {
	for _, c := range l.ours {
		records := dockerdns.Records(c.Container.Container, l.all, l.networks)
		var odd *containerdir.OddError
		isOdd := errors.As(c.err, &odd)
		if isOdd && len(records) > 0 {
			l.seen.Lacking = append(l.seen.Lacking, Lacking{ID: c.ID, Name: c.Name, Odd: c.err})
		}
		if isOdd || containerdir.IsGone(c.err) {
			continue
		}
		if c.err != nil {
			return Seen{}, c.err
		}
		lacking := l.differences(c.Text, records, c.Container)
		switch {
		case len(lacking.Missing)+len(lacking.Stale) > 0:
			l.seen.Lacking = append(l.seen.Lacking, lacking)
		case len(records) > 0: // else no network of it has Docker's DNS
			l.seen.Complete++
		}
	}
	slices.SortFunc(l.seen.Lacking, func(a, b Lacking) int { return strings.Compare(a.Name, b.Name) })
	return l.seen, nil
}

// differences compares the text of a hosts file with what Docker's DNS would answer. Names in lines of others count as they
// are: Docker's DNS is not asked for them.
func (l *look) differences(text string, records []hostsfile.Record, me containerdir.Container) Lacking {
	has, named := hostsfile.Answers(text), hostsfile.Named(text)
	want := map[string][]netip.Addr{}
	for _, r := range records {
		for _, name := range r.Names {
			if name = strings.ToLower(name); hostsfile.IsName(name) && !named[name] {
				want[name] = append(want[name], r.Addr)
			}
		}
	}
	found := Lacking{ID: me.ID, Name: me.Name}
	lacks := map[string]bool{}
	for name, addrs := range want {
		lacks[name] = slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(has[name], a) }) &&
			(l.networks != nil || len(has[name]) == 0)
	}
	for name, addrs := range has {
		if !named[name] && l.networks != nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(want[name], a) }) {
			found.Stale = append(found.Stale, name)
		}
	}
	for _, c := range l.all {
		if c.ID != me.ID && slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool {
			return slices.ContainsFunc(e.Names, func(name string) bool { return lacks[strings.ToLower(name)] })
		}) {
			found.Missing = append(found.Missing, c.Name)
		}
	}
	slices.Sort(found.Missing)
	slices.Sort(found.Stale)
	return found
}
