package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseCmdline splits /proc/PID/cmdline. The process may have rewritten it, so
// a last argument without a NUL counts too. For a kernel thread it is empty.
func parseCmdline(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// stat holds the fields of /proc/PID/stat that are needed.
type stat struct {
	pid       int
	parent    int
	startTime uint64 // clock ticks since boot
}

// parseStat reads /proc/PID/stat. The process chooses the second field, in
// parentheses, and may put blanks, newlines and parentheses in it. So it ends
// at the last parenthesis: only numbers follow.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return stat{}, errors.New("parse stat: no name in parentheses")
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(b[:open])), 10, 31)
	if err != nil {
		return stat{}, fmt.Errorf("parse stat: pid: %w", err)
	}
	// proc_pid_stat(5) counts from 1; the first field here is the third.
	const parentField, startField = 4 - 3, 22 - 3
	fields := strings.Fields(string(b[end+1:]))
	if len(fields) <= startField {
		return stat{}, fmt.Errorf("parse stat: %d fields after the name", len(fields))
	}
	parent, err := strconv.ParseUint(fields[parentField], 10, 31)
	if err != nil {
		return stat{}, fmt.Errorf("parse stat: parent: %w", err)
	}
	start, err := strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("parse stat: start time: %w", err)
	}
	return stat{pid: int(pid), parent: int(parent), startTime: start}, nil
}

// status holds the fields of /proc/PID/status that are needed.
type status struct {
	seccomp    int
	noNewPrivs bool
	capEff     uint64
}

// parseStatus reads /proc/PID/status. The kernel escapes newlines in the first
// line, the name. Of a repeated key the first counts, and all three fields must
// be present (NoNewPrivs is since Linux 4.10).
func parseStatus(b []byte) (status, error) {
	var s status
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok || seen[key] {
			continue
		}
		value = strings.TrimSpace(value)
		var err error
		switch key {
		case "Seccomp":
			s.seccomp, err = strconv.Atoi(value)
		case "NoNewPrivs":
			s.noNewPrivs, err = strconv.ParseBool(value)
		case "CapEff":
			s.capEff, err = strconv.ParseUint(value, 16, 64)
		default:
			continue
		}
		if err != nil {
			return status{}, fmt.Errorf("parse status: %s: %w", key, err)
		}
		seen[key] = true
	}
	if len(seen) != 3 {
		return status{}, errors.New("parse status: no Seccomp, NoNewPrivs or CapEff")
	}
	return s, nil
}

// parseCgroups reads /proc/PID/cgroup: one line on a v2 host, one for each
// hierarchy on a v1 or mixed host. A path may have colons.
func parseCgroups(b []byte) ([]Cgroup, error) {
	var groups []Cgroup
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			return nil, errors.New("parse cgroup: a line without two colons")
		}
		hierarchy, err := strconv.ParseUint(parts[0], 10, 31)
		if err != nil {
			return nil, fmt.Errorf("parse cgroup: hierarchy: %w", err)
		}
		groups = append(groups, Cgroup{Hierarchy: int(hierarchy), Controllers: parts[1], Path: parts[2]})
	}
	return groups, nil
}

// parseIDMap reads /proc/PID/uid_map.
func parseIDMap(b []byte) ([]IDRange, error) {
	var ranges []IDRange
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("parse uid_map: %d fields in a line", len(fields))
		}
		var n [3]uint32
		for i, field := range fields {
			v, err := strconv.ParseUint(field, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("parse uid_map: %w", err)
			}
			n[i] = uint32(v)
		}
		ranges = append(ranges, IDRange{Inside: n[0], Outside: n[1], Length: n[2]})
	}
	return ranges, nil
}

// parseRoot finds the root mount in /proc/PID/mountinfo, or the top one if
// several are stacked. The kernel escapes blanks in names, so splitting at
// blanks is safe.
func parseRoot(b []byte) (Mount, error) {
	const rootField, pointField, optionalField = 3, 4, 6 // proc_pid_mountinfo(5), from 0
	var root Mount
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) <= optionalField || fields[pointField] != "/" {
			continue
		}
		for i, field := range fields[optionalField:] {
			rest := fields[optionalField+i+1:]
			if field == "-" && len(rest) >= 2 {
				root = Mount{Root: fields[rootField], FSType: rest[0], Source: rest[1]}
				break
			}
		}
	}
	if root == (Mount{}) {
		return Mount{}, errors.New("parse mountinfo: no root mount")
	}
	return root, nil
}

// parseNamespace reads the text of a link in /proc/PID/ns: "user:[4026531837]".
func parseNamespace(kind, link string) (uint64, error) {
	number, ok := strings.CutPrefix(link, kind+":[")
	number, closed := strings.CutSuffix(number, "]")
	if !ok || !closed {
		return 0, fmt.Errorf("parse namespace %s: unexpected link", kind)
	}
	inode, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse namespace %s: %w", kind, err)
	}
	return inode, nil
}

// containerIDs finds possible full container IDs in a cgroup path:
// "/docker/ID", "/system.slice/docker-ID.scope" and anything below.
func containerIDs(path string) []string {
	const length = 64
	var ids []string
	run := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && isHex(path[i]) {
			run++
			continue
		}
		if run == length {
			ids = append(ids, path[i-run:i])
		}
		run = 0
	}
	return ids
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}
