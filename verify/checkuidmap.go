package verify

import (
	"fmt"
	"slices"
	"strings"
)

// checkUIDMap checks that the first process has the map, and that no other
// process, such as the gofer, has an id outside it.
func checkUIDMap(c Container, e Evidence, source string) Check {
	p := e.Process
	check := Check{
		Name:     CheckUIDMap,
		State:    passedIf(slices.Equal(c.UIDMap, p.UIDMap)),
		Expected: showMap(c.UIDMap),
		Seen:     showMap(p.UIDMap),
		Source:   source,
	}
	for _, m := range e.Members {
		switch {
		case check.State != Passed:
			return check
		case m.UIDMap == nil:
			check.State, check.Seen = Unread, fmt.Sprintf("that of process %d is not readable", m.PID)
		case !mapsInto(m.UIDMap, c.UIDMap):
			check.State, check.Seen = Failed, fmt.Sprintf("%s of process %d", showMap(m.UIDMap), m.PID)
		}
	}
	return check
}

// mapsInto reports whether outer maps to every host id that inner maps to.
func mapsInto(inner, outer []IDRange) bool {
	for _, r := range inner {
		if !slices.ContainsFunc(outer, func(o IDRange) bool {
			return r.Outside >= o.Outside && uint64(r.Outside)+uint64(r.Length) <= uint64(o.Outside)+uint64(o.Length)
		}) {
			return false
		}
	}
	return true
}

// remapOf says which ids a container's processes have.
func remapOf(c Container, e Evidence, process Check) Remap {
	whole := []IDRange{{0, 0, 1<<32 - 1}} // the map in the host's user namespace
	switch seen := e.Process.UIDMap; {
	case process.State != Passed:
		return RemapUnknown
	case slices.Equal(seen, whole):
		return RemapHost
	case c.UIDMap != nil && slices.Equal(seen, c.UIDMap):
		return Remapped
	case c.UIDMap == nil && c.RemapRoot != 0 && len(seen) > 0 && seen[0].Inside == 0 && seen[0].Outside == c.RemapRoot:
		return Remapped
	default:
		return RemapOther
	}
}

func showMap(ranges []IDRange) string {
	const shown = 4
	var lines []string
	for i, r := range ranges {
		if i == shown {
			lines = append(lines, "…")
			break
		}
		lines = append(lines, fmt.Sprintf("%d %d %d", r.Inside, r.Outside, r.Length))
	}
	return strings.Join(lines, ", ")
}
