package subid

import (
	"strconv"
	"strings"
)

// Entry is the needed part of a line of passwd(5) or group(5).
type Entry struct {
	Name string
	ID   uint32 // uid, or gid
}

// ParseEntries reads the text of /etc/passwd or /etc/group. It omits lines that
// do not parse, as the C library does, among them those of NIS, which begin
// with + or -.
func ParseEntries(text string) []Entry {
	var entries []Entry
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 || fields[0] == "" || strings.ContainsAny(fields[0][:1], "+-#") {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			continue
		}
		entries = append(entries, Entry{fields[0], uint32(id)})
	}
	return entries
}

// Find finds the entry with the name, or else the one with name as its decimal
// id, as dockerd does.
func Find(entries []Entry, name string) (Entry, bool) {
	for _, e := range entries {
		if e.Name == name {
			return e, true
		}
	}
	id, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return Entry{}, false
	}
	for _, e := range entries {
		if uint64(e.ID) == id {
			return e, true
		}
	}
	return Entry{}, false
}

// Taken returns the ids of entries, each as a range of one id.
func Taken(entries []Entry) []Range {
	ranges := make([]Range, 0, len(entries))
	for _, e := range entries {
		ranges = append(ranges, Range{e.Name, e.ID, 1})
	}
	return ranges
}

// Source returns the source of subordinate ids in nsswitch.conf(5), or "files"
// if it has none.
func Source(nsswitch string) string {
	for line := range strings.Lines(nsswitch) {
		line, _, _ = strings.Cut(line, "#")
		if database, sources, found := strings.Cut(line, ":"); found && strings.TrimSpace(database) == "subid" {
			return strings.Join(strings.Fields(sources), " ")
		}
	}
	return "files"
}
