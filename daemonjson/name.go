package daemonjson

import (
	"fmt"
	"strings"

	"runsc-provisioner/pattern"
)

// ValueError means that a value may not go into daemon.json. Its text has no value that looks like a secret.
type ValueError struct {
	What   string // "runtime name", "runtime argument"
	Value  string
	Reason string
}

func (e *ValueError) Error() string {
	value := e.Value
	if isSecretText(value) {
		name, _, has := strings.Cut(value, "=")
		if value = "***"; has && !isSecretText(name) {
			value = name + "=***"
		}
	}
	return fmt.Sprintf("%s %s: %s", e.What, shown(value), e.Reason)
}

var (
	plainName = pattern.Lazy(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	unsafeArg = pattern.Lazy(`[^a-zA-Z0-9_./:,=@%+-]`)
)

// CheckName refuses, with a *ValueError, a name that a runtime cannot have:
// dockerd reserves runc, takes io.containerd.* for containerd's shims, and
// makes files named after all others.
func CheckName(name string) error {
	const longest = 100 // below NAME_MAX, with room for the hash dockerd adds
	reason := ""
	switch {
	case name == "":
		reason = "empty"
	case len(name) > longest:
		reason = fmt.Sprintf("longer than %d bytes", longest)
	case !plainName().MatchString(name):
		reason = "only letters, digits and _ . - are allowed, and a letter or digit at the start"
	case strings.EqualFold(name, "runc"):
		reason = "the name belongs to Docker"
	case hasPrefixFold(name, "io.containerd."):
		reason = "names like this belong to containerd"
	}
	if reason == "" {
		return nil
	}
	return &ValueError{What: "runtime name", Value: name, Reason: reason}
}

// CheckArg refuses, with a *ValueError, an argument that would not reach the
// runtime unchanged: dockerd writes the runtime's path and arguments without
// quotes into a shell script (moby daemon/runtime_unix.go).
func CheckArg(arg string) error {
	if arg == "" {
		return &ValueError{What: "runtime argument", Value: arg, Reason: "empty, and the shell would drop it"}
	}
	if found := unsafeArg().FindString(arg); found != "" {
		return &ValueError{What: "runtime argument", Value: arg, Reason: fmt.Sprintf(
			"%q is not safe in the shell script Docker writes it to; letters, digits and _ . / : , = @ %% + - are", found)}
	}
	return nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
