package verify

// Writes says what becomes of the changes that a container makes to its root
// file system.
type Writes string

// What may become of them.
const (
	// WritesKept: Docker's layer has them, as with runc, so that docker cp,
	// commit, diff, export and the container's own next start see them.
	WritesKept Writes = "kept"
	// WritesLost: they are in a file or memory of the sandbox's own and end
	// with it.
	WritesLost Writes = "lost"
)

// WritesOf says what becomes of the writes under a runtime with these
// arguments. --overlay2 decides; of a repeated flag the last value counts. The
// default of runsc since 2023 is root:self (gVisor's runsc/config/flags.go),
// which loses them.
func WritesOf(args []string) Writes {
	overlay := "root:self"
	for _, s := range settings(args) {
		if s.name == "overlay2" {
			overlay = s.value
		}
	}
	if overlay == "none" {
		return WritesKept
	}
	return WritesLost
}
