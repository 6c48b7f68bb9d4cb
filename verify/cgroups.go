package verify

import (
	"strconv"
	"strings"
)

// homes are the cgroups of the containers that are asked about: those of each
// one's first process, up to the part that bears its ID. An ID elsewhere in a
// path is no sign: whoever has cgroups delegated to him names them as he likes.
type homes struct {
	places map[string]int // container ID → place
	of     map[home]int   // → place
	groups [][]Cgroup     // by place
	read   []bool         // by place: whether they are known, if there are any
}

type home struct {
	hierarchy int
	path      string
}

// homesOf reads the cgroups of each container's first process. What keeps one
// from being read is told by the look at that process.
func (p *pass) homesOf(containers []Container) homes {
	h := homes{
		places: make(map[string]int, len(containers)), of: map[home]int{},
		groups: make([][]Cgroup, len(containers)), read: make([]bool, len(containers)),
	}
	for i, c := range containers {
		h.places[c.ID] = i
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
				h.of[home{group.Hierarchy, path}] = i
			}
		}
	}
	return h
}

// upToID cuts a path after its first part that bears an ID.
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

// sort finds whose home a process is in, or else whose ID its cgroup bears.
// Of several in a path the innermost is a container's in the others.
func (h homes) sort(groups []Cgroup) (place int, other otherID) {
	inside := -1
	for _, group := range groups {
		for _, id := range containerIDs(group.Path) {
			place, asked := h.places[id]
			if asked {
				path, _ := upToID(group.Path, id)
				if at, ok := h.of[home{group.Hierarchy, path}]; ok && at == place {
					inside = place
					continue
				}
			}
			// Of a container whose process has gone, nothing is known.
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
