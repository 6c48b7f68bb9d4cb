package buildkit

import (
	"bytes"
	"path/filepath"
	"strings"

	"runsc-provisioner/provision/commandline"
)

// DropInName is the name of the drop-in for docker.service.
const DropInName = "50-runsc-provisioner-builds.conf"

// Way is how a dockerd is told which program BuildKit runs steps with.
type Way string

const (
	// ByVariable: dockerd reads the environment variable commandline.BuildKitCommand.
	ByVariable Way = "variable"
	// BySearch: BuildKit searches runc in dockerd's PATH.
	BySearch Way = "search"
)

// DefaultSearch is the PATH of a service that sets none (systemd.exec(5)).
const DefaultSearch = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ProgramPath is where the Script is, below the store of releases. It is called runc and has a directory of its own, so
// that a search of PATH finds it.
func ProgramPath(store string) string { return filepath.Join(store, "builds", "runc") }

// DropIn is the drop-in that makes BuildKit use the program. search is the PATH of dockerd without it.
func DropIn(way Way, program, search string) []byte {
	setting := commandline.BuildKitCommand + "=" + program
	if way == BySearch {
		setting = "PATH=" + filepath.Dir(program) + ":" + search
	}
	return []byte(dropInStart +
		"# runsc-provisioner wrote this, and writes it again if it changes.\n" +
		"[Service]\n" +
		"Environment=" + unitQuote(setting) + "\n")
}

// DropInNames reports whether a text is a DropIn for the program, with whatever PATH.
func DropInNames(text []byte, program string) bool {
	search := strings.TrimSuffix(string(DropIn(BySearch, program, "")), "\"\n")
	return bytes.Equal(text, DropIn(ByVariable, program, "")) || bytes.HasPrefix(text, []byte(search))
}

const dropInStart = "# BuildKit runs the steps of docker build in gVisor sandboxes, with this program.\n"

// isDropIn reports whether a text is a DropIn, perhaps with other settings.
func isDropIn(text []byte) bool { return bytes.HasPrefix(text, []byte(dropInStart)) }

// wayOf is that of a DropIn.
func wayOf(text []byte) Way {
	if bytes.Contains(text, []byte(commandline.BuildKitCommand+"=")) {
		return ByVariable
	}
	return BySearch
}

// unitQuote makes one word of a unit file (systemd.service(5)).
func unitQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}

// Environment is what decides, in the environment of a dockerd, which program BuildKit runs steps with.
type Environment struct {
	Command string // the value of commandline.BuildKitCommand
	Search  string // PATH
}

// EnvironmentOf reads the environment of a process, or of a unit. Of a repeated variable, the last value counts.
func EnvironmentOf(variables []string) (e Environment) {
	for _, one := range variables {
		switch name, value, _ := strings.Cut(one, "="); name {
		case commandline.BuildKitCommand:
			e.Command = value
		case "PATH":
			e.Search = value
		}
	}
	return e
}

// Uses reports whether BuildKit runs steps with the program, in a dockerd that is told in this way.
func (e Environment) Uses(way Way, program string) bool {
	if way == ByVariable {
		return e.Command == program
	}
	first, _, _ := strings.Cut(e.Search, ":")
	return first == filepath.Dir(program)
}

// Mentions reports whether the program is named at all.
func (e Environment) Mentions(program string) bool {
	return e.Uses(ByVariable, program) || e.Uses(BySearch, program)
}

// SearchWithout is PATH without the directory of the program.
func (e Environment) SearchWithout(program string) string {
	var kept []string
	for dir := range strings.SplitSeq(e.Search, ":") {
		if dir != filepath.Dir(program) && dir != "" {
			kept = append(kept, dir)
		}
	}
	if len(kept) == 0 {
		return DefaultSearch
	}
	return strings.Join(kept, ":")
}
