package hostsfile

import (
	"net/netip"
	"slices"
	"strings"
)

// IncompleteError means that a text is not a whole hosts file of dockerd. dockerd may be writing it.
type IncompleteError struct{ Reason string }

func (e *IncompleteError) Error() string { return "the file is incomplete: " + e.Reason }

// EditedError means that another program, probably in the container, has changed a file. It has no text of that program,
// which could be long, and another one each time.
type EditedError struct{}

func (*EditedError) Error() string { return "another program has changed it, so it is left alone" }

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
			return &EditedError{}
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
	named := map[string]bool{}
	eachName(text, func(l line, _, name string) {
		if !l.ours {
			named[name] = true
		}
	})
	return named
}

// Answers returns the addresses of each name, lower case, that a resolver finds in a hosts file.
func Answers(text string) map[string][]netip.Addr {
	answers := map[string][]netip.Addr{}
	eachName(text, func(_ line, addr, name string) {
		if at, err := netip.ParseAddr(addr); err == nil && !slices.Contains(answers[name], at) {
			answers[name] = append(answers[name], at)
		}
	})
	return answers
}

// eachName calls f with each name of a hosts file, in lower case, and the word that its line begins with.
func eachName(text string, f func(l line, addr, name string)) {
	for _, l := range splitLines(text) {
		said, _, _ := strings.Cut(l.text, "#")
		fields := strings.Fields(said)
		for i, name := range fields {
			if i > 0 {
				f(l, fields[0], strings.ToLower(name))
			}
		}
	}
}
