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
	"strings"
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

// Lines are the lines of ours for records, each with its newline. skipped counts names that no hosts file can have, such
// as those with blanks, and names for which MaxBlock has no room.
func Lines(records []Record) (lines []string, skipped int) {
	room := MaxBlock
	for _, r := range records {
		var line strings.Builder
		finish := func() {
			if line.Len() == 0 {
				return
			}
			line.WriteString(" " + Mark + "\n")
			lines = append(lines, line.String())
			room -= line.Len()
			line.Reset()
		}
		for _, name := range r.Names {
			if !isName(name) {
				skipped++
				continue
			}
			if line.Len()+len(name)+len(Mark)+3 > maxLine {
				finish()
			}
			separator := " "
			start := r.Addr.String()
			if line.Len() == 0 {
				separator = start + "\t"
			}
			if line.Len()+len(separator)+len(name)+len(Mark)+2 > room {
				skipped++
				continue
			}
			line.WriteString(separator + name)
		}
		finish()
	}
	return lines, skipped
}

// isName reports whether a resolver finds a name in a hosts file: printable ASCII without blanks and "#". An address is
// no name, because resolvers do not look it up.
func isName(name string) bool {
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
