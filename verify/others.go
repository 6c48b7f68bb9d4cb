package verify

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// maxOthers limits how many Others are kept.
const maxOthers = 1024

// An Other is a container that was not asked about: processes in a cgroup with
// a container's ID in its path, the innermost if there are several.
type Other struct {
	ID        string
	Cgroup    string // that of one of its processes
	Engine    string // the engine that names cgroups so: "podman", "containerd", "cri-o", "docker", "kubernetes"; "" if unknown
	PID       int    // the lowest of its processes
	Processes int
	// Borrowed is true if it has the ID of a container that was asked about but
	// is not in that container's cgroup.
	Borrowed bool
	// Sandboxed counts the processes that execute a file of a release. It is
	// not a verdict: nothing vouches for the runtime.
	Sandboxed int
}

// An otherID is the container ID in a process's cgroup, if the container was
// not asked about.
type otherID struct {
	id, cgroup string
	borrowed   bool // the ID is that of a container that was asked about
}

// idsAroundHost finds the IDs in the cgroup of process 1: if this host is itself a
// container, all processes have them.
func (p *pass) idsAroundHost() map[string]bool {
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

// otherContainers collects the containers of a scan that were not asked about.
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

// engineOf recognises an engine by the text before the ID: "libpod-ID.scope",
// "/docker/ID".
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
