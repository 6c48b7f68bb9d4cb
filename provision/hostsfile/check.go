package hostsfile

import (
	"fmt"
	"net/netip"
	"strings"
)

// IncompleteError means that a text is not a whole hosts file of dockerd. dockerd may be writing it.
type IncompleteError struct{ Reason string }

func (e *IncompleteError) Error() string { return "the file is incomplete: " + e.Reason }

// EditedError means that another program, probably in the container, has changed a file. Line is its line.
type EditedError struct{ Line string }

func (e *EditedError) Error() string { return fmt.Sprintf("another program has added %q", e.Line) }

// byDocker are the lines that dockerd begins every hosts file with.
var byDocker = map[string]bool{
	"127.0.0.1\tlocalhost":                      true,
	"::1\tlocalhost ip6-localhost ip6-loopback": true,
	"fe00::0\tip6-localnet":                     true, // before Docker 29
	"fe00::\tip6-localnet":                      true,
	"ff00::0\tip6-mcastprefix":                  true, // before Docker 29
	"ff00::\tip6-mcastprefix":                   true,
	"ff02::1\tip6-allnodes":                     true,
	"ff02::2\tip6-allrouters":                   true,
}

// CheckHosts returns nil if a text is what dockerd writes, and lines of ours. own are the names, lower case, in lines that
// dockerd writes for a container: its hostname, its extra hosts and its links. The error is an *IncompleteError or an
// *EditedError.
func CheckHosts(text string, own map[string]bool) error {
	if !strings.HasSuffix(text, "\n") {
		return &IncompleteError{"it does not end in a newline"}
	}
	hasLocalhost := false
	for _, l := range splitLines(text) {
		said := strings.TrimSuffix(l.text, "\n")
		switch {
		case l.ours:
		case byDocker[said]:
			hasLocalhost = hasLocalhost || strings.HasPrefix(said, "127.0.0.1\t")
		case !isOwn(said, own):
			return &EditedError{said}
		}
	}
	if !hasLocalhost {
		return &IncompleteError{"it has no line for localhost"}
	}
	return nil
}

// isOwn reports whether a line is one that dockerd writes with these names.
func isOwn(said string, own map[string]bool) bool {
	addr, names, found := strings.Cut(said, "\t")
	if _, err := netip.ParseAddr(addr); !found || err != nil || names == "" {
		return false
	}
	for name := range strings.SplitSeq(names, " ") {
		if !own[strings.ToLower(name)] {
			return false
		}
	}
	return true
}

// Named returns the names, lower case, in the lines of others: they are found before DNS is asked.
func Named(text string) map[string]bool {
	return namesIn(text, func(l line) bool { return !l.ours })
}

// Has returns all names, lower case, that a resolver finds in a hosts file.
func Has(text string) map[string]bool {
	return namesIn(text, func(line) bool { return true })
}

func namesIn(text string, counts func(line) bool) map[string]bool {
	names := map[string]bool{}
	for _, l := range splitLines(text) {
		said, _, _ := strings.Cut(l.text, "#")
		for i, name := range strings.Fields(said) {
			if i > 0 && counts(l) {
				names[strings.ToLower(name)] = true
			}
		}
	}
	return names
}
