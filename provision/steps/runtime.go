package steps

import (
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/redact"
)

// Absent is the value of a missing key in a drift.
const Absent = "absent"

// PathOrType is the path of a runtime, or its type and options if it has no path.
func PathOrType(r daemonjson.Runtime) string {
	if r.Path != "" || r.Type == "" {
		return r.Path
	}
	var options []string
	for _, option := range r.Options {
		shown := option.Name
		if option.Value != "" {
			shown += " " + option.Value
		}
		options = append(options, shown)
	}
	if len(options) == 0 {
		return "runtimeType " + r.Type
	}
	return "runtimeType " + r.Type + " with options (" + strings.Join(options, ", ") + ")"
}

// SameRuntime reports whether two texts have a runtime with the same path or type, and the same arguments.
func SameRuntime(a, b daemonjson.Document, name string) bool {
	before, has := a.Runtimes()[name]
	after, still := b.Runtimes()[name]
	return has == still && PathOrType(before) == PathOrType(after) && slices.Equal(before.Args, after.Args)
}

// FormatRuntime is a runtime of doc in one line, without secrets: its path or type and its arguments, or
// Absent.
func FormatRuntime(doc daemonjson.Document, name string) string {
	r, has := doc.Runtimes()[name]
	if !has {
		return Absent
	}
	return strings.Join(append([]string{PathOrType(r)}, redact.RuntimeArguments(r.Args)...), " ")
}

// OrAbsent is s, or Absent if s is empty.
func OrAbsent(s string) string {
	if s == "" {
		return Absent
	}
	return s
}
