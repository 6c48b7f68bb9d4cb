package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sandboxes adds the processes of a scan that run from a release, or claim to,
// to the survey.
func (p *pass) sandboxes(entries []entry, survey *Survey) error {
	for i := range entries {
		e := &entries[i]
		if e.exe.Deleted {
			if err := p.identifyDeleted(e, survey); err != nil {
				return err
			}
		}
		if e.file != (File{}) {
			survey.InUse[e.file.Release]++
		}
		if !e.claims {
			continue
		}
		proven := e.file.boots()
		if !proven {
			if survey.ClaimCount++; survey.ClaimCount > maxClaims {
				continue
			}
		}
		box, err := p.sandbox(e)
		switch {
		case gapOf(err) == Gone:
		case err != nil && proven:
			survey.Denied++
		case proven:
			survey.Sandboxes = append(survey.Sandboxes, box)
		default:
			survey.Claims = append(survey.Claims, box)
		}
	}
	return context.Cause(p.ctx)
}

// identifyDeleted finds the release of an entry with a deleted executable.
func (p *pass) identifyDeleted(e *entry, survey *Survey) error {
	if err := context.Cause(p.ctx); err != nil {
		return err
	}
	var err error
	e.exe.Digest, err = p.digest(p.proc, e.dir()+"/exe", e.exe)
	switch gap := gapOf(err); gap {
	case Complete:
		e.file = identify(e.exe, p.releases)
	case Gone:
	case Denied:
		e.gap = gap
		survey.Denied++
	default: // too large to read, or not a regular file
		e.gap = gap
	}
	return nil
}

// sandbox reads the container ID that an entry claims. On an error the claim
// still counts.
func (p *pass) sandbox(e *entry) (Sandbox, error) {
	box := Sandbox{PID: e.pid, File: e.file}
	dir, err := p.proc.open(e.dir())
	if err != nil {
		return box, err
	}
	defer dir.close()
	st, err := p.stat(dir)
	if err != nil {
		return box, err
	}
	box.StartTime = st.startTime
	argv, cut, err := p.argv(dir)
	if err != nil {
		return box, err
	}
	const maxID = 256 // bytes; dockerd's has 64
	box.Root, _ = SettingOf(untilCommand(argv[min(1, len(argv)):]), "root")
	if n := len(argv); n > 1 && !cut && len(argv[n-1]) <= maxID {
		box.ContainerID = argv[n-1]
	}
	return box, nil
}

// evidence reads each container's first process and finds its other processes.
func (p *pass) evidence(containers []Container, homes cgroupOwners, entries []entry) ([]Evidence, error) {
	if len(containers) == 0 {
		return nil, nil
	}
	p.digested = 0 // other processes must not use up the budget of these
	host, herr := p.host()
	all := make([]Evidence, len(containers))
	for i, c := range containers {
		if err := context.Cause(p.ctx); err != nil {
			return nil, err
		}
		e := &all[i]
		e.Host = host
		if c.PID <= 0 {
			e.Gap, e.Why = Gone, errors.New("dockerd names no process")
			continue
		}
		if e.Process, e.Gap, e.Why = p.process(c.PID); e.Gap != Complete {
			continue
		}
		if herr != nil {
			e.Gap, e.Why = Denied, herr // a host always has a process 1
		}
		if e.Scope = descendants; len(homes.groups[i]) > 0 {
			e.Scope = inCgroup
		}
	}
	p.members(containers, all, entries)
	return all, nil
}

// host reads the host's namespaces from process 1. This process's own may
// differ: systemd may have given its unit some.
func (p *pass) host() (map[string]uint64, error) {
	dir, err := p.proc.open("1")
	if err != nil {
		return nil, fmt.Errorf("read the host's namespaces: %w", err)
	}
	defer dir.close()
	found, err := namespaces(dir)
	if err != nil {
		return nil, fmt.Errorf("read the host's namespaces: %w", err)
	}
	return found, nil
}

// members adds the other processes to every container's evidence.
func (p *pass) members(containers []Container, all []Evidence, entries []entry) {
	for i := range entries {
		e := &entries[i]
		if e.container >= 0 && all[e.container].Scope == inCgroup {
			p.addMember(&all[e.container], e, containers[e.container])
		}
	}
	owner := owners{} // for the containers without a cgroup
	for i := range all {
		if all[i].Scope == descendants {
			owner[all[i].Process.PID] = i
		}
	}
	if len(owner) == 0 {
		return
	}
	parents := p.parents(entries)
	for i := range entries {
		place := owner.ownerAbove(entries[i].pid, parents)
		if place < 0 {
			place = p.goferOf(&entries[i], containers, all, owner, parents)
		}
		if place >= 0 {
			p.addMember(&all[place], &entries[i], containers[place])
		}
	}
}

// goferOf finds the container without its own cgroup that an entry is the gofer
// of, or -1. A gofer is not a child of the sandbox but of the shim, the
// sandbox's parent, and names the container in its arguments (the bundle's
// directory). Any user may run the genuine file with such arguments, but not as
// a child of another container's shim.
func (p *pass) goferOf(e *entry, containers []Container, all []Evidence, owner owners, parents map[int]int) int {
	if e.file == (File{}) || !e.gofer || parents[e.pid] <= 1 {
		return -1
	}
	dir, err := p.proc.open(e.dir())
	if err != nil {
		return -1
	}
	defer dir.close()
	argv, _, err := p.argv(dir)
	if err != nil {
		return -1
	}
	for i, c := range containers {
		_, without := owner[c.PID]
		if without && all[i].Process.Parent == parents[e.pid] && c.ID != "" && slices.ContainsFunc(argv, func(arg string) bool { return strings.Contains(arg, c.ID) }) {
			return i
		}
	}
	return -1
}

// parents maps each process to its parent. A process that has ended is left
// out: it has no children.
func (p *pass) parents(entries []entry) map[int]int {
	parents := make(map[int]int, len(entries))
	for _, e := range entries {
		text, err := p.proc.read(strconv.Itoa(e.pid)+"/stat", p.buf)
		if err != nil {
			continue
		}
		if st, err := parseStat(text); err == nil {
			parents[e.pid] = st.parent
		}
	}
	return parents
}

// owners maps a pid to the index of the container that it descends from, or to
// -1 for none.
type owners map[int]int

// ownerAbove finds the owner of pid and stores it for every process on the path up.
// The tree was not read in one instant and may have a loop: the processes in it
// belong to no container.
func (o owners) ownerAbove(pid int, parents map[int]int) int {
	var way []int
	place := -1
	for ; pid > 1; pid = parents[pid] {
		if found, ok := o[pid]; ok {
			place = found
			break
		}
		o[pid] = -1
		way = append(way, pid)
	}
	for _, pid := range way {
		o[pid] = place
	}
	return place
}

// addMember adds a process to a container's evidence.
func (p *pass) addMember(to *Evidence, e *entry, of Container) {
	if e.pid == to.Process.PID {
		return
	}
	// Only foreign processes are limited. Of its own a sandbox has one for each
	// address space (systrap), and the programs inside decide how many that is.
	if e.file == (File{}) {
		if p.strangers[to] == maxStrangers {
			to.MembersCut = true
			return
		}
		p.strangers[to]++
	}
	m := Member{PID: e.pid, Exe: e.exe, Gap: e.gap}
	if of.UIDMap != nil {
		text, err := p.proc.read(strconv.Itoa(e.pid)+"/uid_map", p.buf)
		if gapOf(err) == Gone {
			return
		}
		if err == nil {
			m.UIDMap, _ = parseIDMap(text) // a map that does not parse counts as unreadable
		}
	}
	if e.file == (File{}) && e.gap == Complete {
		// Read the path only now: it matters only for a foreign process.
		x, err := p.proc.exe(e.dir() + "/")
		switch {
		case gapOf(err) == Gone:
			return
		case err == nil && x.ID != e.exe.ID:
			m.Gap = Unsteady
		case err == nil:
			m.Exe.Path = x.Path
		}
	}
	to.Members = append(to.Members, m)
	const most = 8
	if e.gofer && e.file != (File{}) && len(to.Gofers) < most {
		seen, gap, _ := p.process(e.pid)
		if gap != Gone {
			to.Gofers = append(to.Gofers, Gofer{Process: seen, Gap: gap})
		}
	}
}

func (p Process) inCgroupOf(id string) bool {
	for _, group := range p.Cgroups {
		for _, found := range containerIDs(group.Path) {
			if found == id {
				return true
			}
		}
	}
	return false
}
