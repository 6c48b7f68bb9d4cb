package commandline

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FlagConflict means that an option is given to dockerd as a flag. If
// daemon.json has the same option, even with the same value, dockerd refuses to
// read the file and to start.
type FlagConflict struct {
	Option string // its name in daemon.json
	Flag   string // "--default-runtime=runc"
	Where  string // "/etc/default/docker:4", or the process that has it
}

func (e *FlagConflict) Error() string {
	return fmt.Sprintf("%s is set by the flag %s in %s: an option in daemon.json must not be a flag too", e.Option, e.Flag, e.Where)
}

// Conflict returns a *FlagConflict for the first of the options that is a flag
// of the running dockerd, or of the one that the unit would start next.
// "runtimes" is never a conflict: dockerd merges it with --add-runtime.
func Conflict(proc string, s Service, options ...string) error {
	running, err := Of(proc, s)
	if err != nil {
		return err
	}
	next, err := startLine(s)
	if err != nil {
		return err
	}
	for i, argv := range [][]string{running, next} {
		flags, err := ParseFlags(argv)
		if i > 0 && errors.Is(err, ErrNotDockerd) {
			continue // ExecStart is a shell that executed the running dockerd
		}
		if err != nil {
			return err
		}
		for _, option := range options {
			flag := flagOf(option)
			value, ok := flags.Set[flag]
			if !ok || option == "runtimes" {
				continue
			}
			return &FlagConflict{Option: option, Flag: "--" + flag + "=" + value, Where: s.locate(flag)}
		}
	}
	return nil
}

// FlagHost is the long name of -H. The same option is OptionHosts in daemon.json.
const (
	FlagHost    = "host"
	OptionHosts = "hosts"
)

// flagOf returns the long name of the flag for an option of daemon.json. A list has a name
// in the plural there (moby opts.NamedListOpts).
func flagOf(option string) string {
	if option == OptionHosts {
		return FlagHost
	}
	return option
}

// locate searches the unit's files for the line that has a flag, those that
// systemd applies last first. It is a text search and may miss the line.
func (s Service) locate(flag string) string {
	var files []string
	for _, pattern := range s.EnvironmentFiles {
		paths, _ := filepath.Glob(strings.TrimPrefix(pattern, "-"))
		files = append(files, paths...)
	}
	files = append(append([]string{s.FragmentPath}, s.DropIns...), files...)
	for _, path := range slices.Backward(files) {
		text, err := readSmall(path)
		if err != nil {
			continue
		}
		if line := lineOfFlag(text, flag); line > 0 {
			return path + ":" + strconv.Itoa(line)
		}
	}
	if s.MainPID != 0 {
		return "the command line of process " + strconv.Itoa(s.MainPID)
	}
	return "ExecStart"
}

// lineOfFlag returns the last line, counted from 1, that has the flag outside
// of comments, or 0.
func lineOfFlag(text, flag string) int {
	found := 0
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimLeft(line, blanks)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if hasFlag(line, "--"+flag, endsOfFlag) || flag == FlagHost && hasFlag(" "+line, " -H", endsOfFlag+"uft") {
			found = number // -H may have its value attached: -Hunix://, -Hfd://, -Htcp://
		}
	}
	return found
}

const endsOfFlag = "= \t\r\n\"'\\"

// hasFlag reports whether a line has the flag, followed by its end or one of the bytes in
// ends: a longer flag may begin in the same way.
func hasFlag(line, flag, ends string) bool {
	for rest := line; ; {
		_, after, ok := strings.Cut(rest, flag)
		if !ok {
			return false
		}
		if after == "" || strings.ContainsAny(after[:1], ends) {
			return true
		}
		rest = after
	}
}
