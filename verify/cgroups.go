package verify

import (
	"strconv"
	"strings"
)

// cgroupOwners are the cgroups of the containers asked about: those of each first
// process, cut after the part with the container's ID. An ID elsewhere in a
// path proves nothing: a program with a delegated cgroup names its children as
// it likes.
type cgroupOwners struct {
	byID     map[string]int    // container ID → index
	byCgroup map[cgroupKey]int // cgroup → index of its container
	groups   [][]Cgroup        // by index
	read     []bool            // by index: whether groups could be read
}

type cgroupKey struct {
	hierarchy int
	path      string
}

// cgroupsOf reads the cgroups of each container's first process. It drops errors:
// the later look at that process reports them.
func (p *pass) cgroupsOf(containers []Container) cgroupOwners {
	h := cgroupOwners{
		byID: make(map[string]int, len(containers)), byCgroup: map[cgroupKey]int{},
		groups: make([][]Cgroup, len(containers)), read: make([]bool, len(containers)),
	}
	for i, c := range containers {
		h.byID[c.ID] = i
		if c.PID <= 0 {
			continue
		}
		text, err := p.proc.read(strconv.Itoa(c.PID)+"/cgroup", p.buf)
		if err != nil {
			continue
		}
		groups, err := parseCgroups(text)
		if err != nil {
			continue
		}
		h.read[i] = true
		for _, group := range groups {
			if path, ok := upToID(group.Path, c.ID); ok {
				group.Path = path
				h.groups[i] = append(h.groups[i], group)
				h.byCgroup[cgroupKey{group.Hierarchy, path}] = i
			}
		}
	}
	return h
}

// upToID cuts a path after its first part that has the ID.
func upToID(path, id string) (string, bool) {
	for at := 0; at < len(path); {
		end := len(path)
		if slash := strings.IndexByte(path[at+1:], '/'); slash >= 0 {
			end = at + 1 + slash
		}
		for _, found := range containerIDs(path[at:end]) {
			if found == id {
				return path[:end], true
			}
		}
		at = end
	}
	return "", false
}

// ownerOf finds the container that a process's cgroups belong to, or else the
// container ID in their names. If a path has several IDs, the innermost counts:
// it is a container inside the others.
func (h cgroupOwners) ownerOf(groups []Cgroup) (place int, other otherID) {
	inside := -1
	for _, group := range groups {
		for _, id := range containerIDs(group.Path) {
			place, asked := h.byID[id]
			if asked {
				path, _ := upToID(group.Path, id)
				if at, ok := h.byCgroup[cgroupKey{group.Hierarchy, path}]; ok && at == place {
					inside = place
					continue
				}
			}
			// If the container's first process has ended, its cgroups are
			// unknown.
			if !asked || h.read[place] {
				other = otherID{id: id, cgroup: group.Path, borrowed: asked}
			}
		}
	}
	if inside >= 0 {
		return inside, otherID{}
	}
	return -1, other
}
