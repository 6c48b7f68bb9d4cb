package names

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/hostsfile"
)

// keep looks at the files that may have changed, those of containers that start first: their programs begin at any
// moment.
func (r *run) keep() {
	var due []*one
	for _, c := range r.all {
		if c.hosts || c.resolv {
			due = append(due, c)
		}
	}
	slices.SortFunc(due, func(a, b *one) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID)) })
	var views []dockerdns.Container
	for _, c := range due {
		if !r.isOurs(c) {
			c.hosts, c.resolv, c.complete = false, false, false
			delete(c.left, containerdir.HostsName)
			delete(c.left, containerdir.ResolvName)
			continue
		}
		if !c.pace.mayLook(time.Now()) {
			r.lookAgain(refill)
			continue
		}
		if !c.watched {
			c.watched = true
			r.inotify.addFiles(r.root.Dir(c.ID), c.ID)
		}
		if views == nil {
			for _, other := range r.all {
				views = append(views, r.view(other))
			}
		}
		if c.hosts {
			c.hosts = false
			r.settle(c, containerdir.HostsName, r.keepHosts(c, views))
		}
		if c.resolv {
			c.resolv = false
			r.settle(c, containerdir.ResolvName, r.keepResolv(c))
		}
	}
}

func rank(c *one) int {
	if c.starts {
		return 0
	}
	return 1
}

// maxUnfinished is how many looks in a row may find a file that another program is writing, before that is reported.
const maxUnfinished = 20

// errMounted means that a file of a container is not what the container sees.
var errMounted = errors.New("something else is mounted there")

// mounted is errMounted for a container that would have names.
func mounted(c *one) error {
	if slices.ContainsFunc(c.Endpoints, hasDNS) {
		return errMounted
	}
	return nil
}

// settle notes the result of a look at a file.
func (r *run) settle(c *one, file string, err error) {
	delete(c.left, file)
	if containerdir.IsGone(err) {
		return
	}
	if file == containerdir.HostsName {
		c.complete = err == nil
	}
	if err == nil {
		c.unfinished, c.failed = 0, 0
		return
	}
	var incomplete *hostsfile.IncompleteError
	if errors.Is(err, containerdir.ErrChanged) || errors.As(err, &incomplete) {
		c.complete = false
		if c.unfinished++; c.unfinished < maxUnfinished || c.starts {
			r.lookAgain(soon) // its end is heard as well
			return
		}
	}
	c.left[file] = explain(err)
	if !isLasting(err) { // nothing tells when it would work
		c.failed++
		r.lookAgain(min(againAfter<<min(c.failed, 6), maxAgain))
	}
}

// isLasting reports whether an error stays until something happens that is heard.
func isLasting(err error) bool {
	var edited *hostsfile.EditedError
	var full *fullError
	var none *noServerError
	return errors.As(err, &edited) || errors.As(err, &full) || errors.As(err, &none) || errors.Is(err, errMounted)
}

// explain adds what to do about an error.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.EPERM):
		return err.Error() + ": lsattr shows whether it is immutable"
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return err.Error() + ": this service may not write there; `runsc-provisioner doctor` says what it lacks"
	}
	return err.Error()
}

// keepHosts makes the names of a container those that Docker's DNS answers.
func (r *run) keepHosts(c *one, views []dockerdns.Container) error {
	if c.OwnHosts {
		return mounted(c)
	}
	f, err := r.root.Open(c.ID, containerdir.HostsName)
	if err != nil {
		return err
	}
	records := dockerdns.Records(r.view(c), views, r.networks)
	if len(records) == 0 && !strings.Contains(f.Text, hostsfile.Mark) {
		return nil // Docker's DNS has nothing to say
	}
	lines, cut := hostsfile.Lines(without(records, hostsfile.Named(f.Text)))
	err = hostsfile.CheckHosts(f.Text, r.ownNames(c))
	var edited *hostsfile.EditedError
	if errors.As(err, &edited) {
		// A name must not lead to another container: what is no longer true goes, and nothing is added.
		return errors.Join(err, r.apply(c, f, hostsfile.Retire(f.Text, lines)))
	}
	if err != nil {
		return err
	}
	if err := r.apply(c, f, hostsfile.Maintain(f.Text, lines)); err != nil {
		return err
	}
	if cut > 0 {
		return &fullError{cut}
	}
	return nil
}

// fullError means that a hosts file has no room for some names.
type fullError struct{ names int }

func (e *fullError) Error() string {
	return fmt.Sprintf("%d names are left out: all names together have more than %d KiB", e.names, hostsfile.MaxBlock>>10)
}

// without leaves out the names that the container's hosts file has already: the resolver does not ask Docker's DNS for
// them either.
func without(records []hostsfile.Record, named map[string]bool) []hostsfile.Record {
	for i, record := range records {
		records[i].Names = slices.DeleteFunc(slices.Clone(record.Names), func(name string) bool { return named[strings.ToLower(name)] })
	}
	return records
}

func (r *run) apply(c *one, f *containerdir.File, edit hostsfile.Edit) error {
	if edit.IsEmpty() {
		return nil
	}
	if err := f.Apply(edit, r.goal.Owner); err != nil {
		return err
	}
	c.pace.spare()
	return nil
}

// keepResolv makes the name servers of a container those that Docker's DNS asks.
func (r *run) keepResolv(c *one) error {
	if c.OwnResolv {
		return mounted(c)
	}
	if c.unknown++; !r.knowsNetworks(c) && c.unknown < maxAsks {
		r.unlisted = true
		r.lookAgain(soon)
		return nil
	}
	c.unknown = 0
	f, err := r.root.Open(c.ID, containerdir.ResolvName)
	if err != nil {
		return err
	}
	servers, all := r.servers(c, f.Text)
	edit, tail, err := hostsfile.MaintainResolv(f.Text, servers)
	switch {
	case err != nil:
		return err
	case tail.Text != "":
		if err = f.ReplaceTail(tail, r.goal.Owner); err == nil {
			c.pace.spare()
		}
	default:
		err = r.apply(c, f, edit)
	}
	if err == nil && len(servers) == 0 && len(all) > 0 && hostsfile.NamesDockersDNS(f.Text) {
		return &noServerError{all[0]}
	}
	return err
}

// noServerError means that a container cannot reach the host's name server.
type noServerError struct{ server netip.Addr }

func (e *noServerError) Error() string {
	return fmt.Sprintf("no container reaches the host's name server %s: set \"dns\" in daemon.json", e.server)
}

// knowsNetworks reports whether dockerd has told of each network of a container.
func (r *run) knowsNetworks(c *one) bool {
	return !slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool {
		_, known := r.networks[e.Network]
		return !known
	})
}

// resolvedStub is where systemd-resolved listens on the host's loopback.
var resolvedStub = netip.AddrFrom4([4]byte{127, 0, 0, 53})

// servers are the name servers for a container with this text of resolv.conf, and all that Docker's DNS asks for it. A
// container without a way out gets the ones that it was created with: those may be on its own network.
func (r *run) servers(c *one, text string) (reachable, all []netip.Addr) {
	own := parseAddrs(c.DNS)
	if r.isInternal(c) {
		return hostsfile.Reachable(own), nil
	}
	all, said := hostsfile.Servers(text)
	if !said {
		for _, all = range [][]netip.Addr{own, r.goal.DNS, r.hostServers(filepath.Join(r.goal.Etc, "resolv.conf"))} {
			if len(all) > 0 {
				break
			}
		}
	}
	if reachable = hostsfile.Reachable(all); len(reachable) == 0 && slices.Contains(all, resolvedStub) {
		reachable = hostsfile.Reachable(r.hostServers(r.goal.Resolved))
	}
	return reachable, all
}

func (r *run) isInternal(c *one) bool {
	return !slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool { return !r.networks[e.Network].Internal })
}

// maxResolv is how large a resolv.conf of the host may be.
const maxResolv = 64 << 10

func (r *run) hostServers(path string) []netip.Addr {
	text, err := durable.ReadLimited(path, maxResolv)
	if err != nil {
		return nil // then the container keeps what it has
	}
	return hostsfile.ServersOf(string(text))
}

func parseAddrs(texts []string) (addrs []netip.Addr) {
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
