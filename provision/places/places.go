// Package places suggests where a host without a writable /usr/local can keep releases. It only reads.
package places

import (
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/room"
)

// Suggest says which keys of [paths] to set for a store that cannot be written to. link is the path of the link, or "". It
// names a directory of this host that can be written to, and that programs can start from.
func Suggest(store, link string) string {
	fits := func(path string) bool {
		_, seen, err := room.LookAbove(path)
		return durable.CannotWrite(path) == nil && err == nil && !seen.NoExec
	}
	text := "in [paths], set store to a directory that can be written to"
	for _, other := range []string{"/opt/gvisor", "/var/lib/gvisor"} {
		if other != store && fits(other) {
			text = fmt.Sprintf("in [paths], set store = %q", other)
			break
		}
	}
	if link != "" && durable.CannotWrite(filepath.Dir(link)) != nil {
		text += `, and link = "" (Docker does not need the link)`
	}
	return text
}
