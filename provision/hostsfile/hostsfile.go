// Package hostsfile edits the text of a container's hosts and resolv.conf, the files that dockerd mounts into a
// container. It is pure: it has no file to open.
//
// dockerd rewrites both files whenever it likes, and has no lock to share. So an edit of the hosts file never moves a
// byte of another writer: it replaces lines of ours by text of the same length, or it appends. Whatever dockerd writes
// between our look and our write stays there. Every line of ours ends in Mark, so each line shows on its own who wrote
// it, also after an edit that was cut short.
package hostsfile

import (
	"net/netip"
)

// Mark ends every line of ours. dockerd removes lines that end in a tab and the container's hostname, so no line of ours
// may end in a name.
const Mark = "# runsc-provisioner"

const (
	// maxLine is far below the 64 KB at which dockerd fails to read a line (bufio.Scanner), and below the buffers of
	// old resolvers.
	maxLine = 4 << 10
	// MaxBlock is how many bytes our lines may have. Every lookup in a container reads the whole file.
	MaxBlock = 256 << 10
	// maxName is the longest name that DNS has.
	maxName = 253
)

// Record is an address and the names that lead to it.
type Record struct {
	Addr  netip.Addr
	Names []string
}

// firstNames is how many names of an address get room before any has more: no container takes the room of others by
// having many aliases.
const firstNames = 64

// Lines are the lines of ours for records, each with its newline. cut is how many names MaxBlock has no room for. Names
// that no hosts file can have are left out.
func Lines(records []Record) (lines []string, cut int) {
	room := MaxBlock
	for _, turn := range []func([]string) []string{
		func(names []string) []string { return names[:min(len(names), firstNames)] },
		func(names []string) []string { return names[min(len(names), firstNames):] },
	} {
		for _, r := range records {
			more, without := linesOf(r.Addr.String(), turn(r.Names), room)
			for _, line := range more {
				room -= len(line)
			}
			lines, cut = append(lines, more...), cut+without
		}
	}
	return lines, cut
}

// linesOf are the lines for one address, of at most room bytes.
func linesOf(addr string, names []string, room int) (lines []string, cut int) {
	const end = " " + Mark + "\n"
	line := ""
	finish := func() {
		if line != "" {
			lines, room, line = append(lines, line+end), room-len(line)-len(end), ""
		}
	}
	for _, name := range names {
		if !IsName(name) {
			continue
		}
		if len(line)+1+len(name)+len(end) > maxLine {
			finish()
		}
		next := line + " " + name
		if line == "" {
			next = addr + "\t" + name
		}
		if len(next)+len(end) > room {
			cut++
			continue
		}
		line = next
	}
	finish()
	return lines, cut
}

// IsName reports whether a resolver finds a name in a hosts file: printable ASCII without blanks and "#". An address is
// no name, because resolvers do not look it up.
func IsName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}
