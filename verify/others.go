package verify

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// maxOthers is how many containers of others are told of.
const maxOthers = 1024

// An Other is a container that was not asked about: processes in a cgroup that
// bears a container's ID, the innermost where there are several.
type Other struct {
	ID        string
	Cgroup    string // of one of its processes
	Engine    string // who makes cgroups of that name: "podman", "containerd", "cri-o", "docker"; "" is not known
	PID       int    // the lowest of its processes
	Processes int
	// Borrowed is true where it bears the ID of a container that was asked about,
	// and is not in that one's cgroup.
	Borrowed bool
	// Sandboxed counts those that execute a file of a release. It is no
	// verdict: nobody vouches for the runtime.
	Sandboxed int
}

// otherID is whose cgroup a process is in, if nobody asked about it.
type otherID struct {
	id, cgroup string
	borrowed   bool // of a container that was asked about
}

// outer finds the IDs in the cgroup of the first process: where this host is
// itself a container, all processes have them.
func (p *pass) outer() map[string]bool {
	ids := map[string]bool{}
	if !p.whole {
		return ids
	}
	text, err := p.proc.read("1/cgroup", p.buf)
	if err != nil {
		return ids
	}
	groups, err := parseCgroups(text)
	if err != nil {
		return ids
	}
	for _, group := range groups {
		for _, id := range containerIDs(group.Path) {
			ids[id] = true
		}
	}
	return ids
}

// otherContainers sorts the containers of others out of a scan.
func (p *pass) otherContainers(entries []entry) []Other {
	if !p.whole {
		return nil
	}
	found := map[string]*Other{}
	for i := range entries {
		e := &entries[i]
		if e.other.id == "" {
			continue
		}
		o := found[e.other.id]
		if o == nil {
			if len(found) == maxOthers {
				continue
			}
			o = &Other{ID: e.other.id, Cgroup: e.other.cgroup, Engine: engineOf(e.other.cgroup, e.other.id), PID: e.pid}
			found[o.ID] = o
		}
		o.PID = min(o.PID, e.pid)
		o.Borrowed = o.Borrowed || e.other.borrowed
		o.Processes++
		if e.file != (File{}) {
			o.Sandboxed++
		}
	}
	list := make([]Other, 0, len(found))
	for _, o := range found {
		list = append(list, *o)
	}
	slices.SortFunc(list, func(a, b Other) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// engineOf goes by what is before the ID: "libpod-ID.scope", "/docker/ID".
func engineOf(cgroup, id string) string {
	before, _, _ := strings.Cut(cgroup, id)
	last := path.Base(before)
	if strings.HasSuffix(before, "-") {
		last = strings.TrimSuffix(last, "-")
	}
	switch last {
	case "libpod", "libpod-conmon", "libpod_parent":
		return "podman"
	case "cri-containerd":
		return "containerd"
	case "crio":
		return "cri-o"
	case "docker":
		return "docker"
	}
	if strings.Contains(before, "kubepods") {
		return "kubernetes"
	}
	return ""
}
