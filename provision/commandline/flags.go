package commandline

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// BuildKitCommand is the environment variable of dockerd that names the program
// which `docker build` runs its steps with (moby builder/builder-next).
const BuildKitCommand = "DOCKER_BUILDKIT_RUNC_COMMAND"

// ErrNotDockerd means that a command line is not dockerd's, but that of a
// wrapper, rootlesskit or a snap's launcher.
var ErrNotDockerd = errors.New("not a dockerd command line")

// Flags are the flags of a dockerd command line, without the options in
// daemon.json.
type Flags struct {
	ConfigFile     string // /etc/docker/daemon.json if not given
	DefaultRuntime string
	UsernsRemap    string
	DataRoot       string
	Hosts          []string          // of -H
	AddRuntimes    map[string]string // name to path
	Features       map[string]bool   // of --feature
	// Set maps every flag given, by its long name without dashes, to its last
	// value.
	Set map[string]string
}

// ParseFlags reads a dockerd command line, with the program's name first. Set
// has unknown flags too.
func ParseFlags(argv []string) (Flags, error) {
	flags := Flags{ConfigFile: "/etc/docker/daemon.json", AddRuntimes: map[string]string{}, Features: map[string]bool{}, Set: map[string]string{}}
	if len(argv) == 0 || filepath.Base(argv[0]) != "dockerd" {
		return Flags{}, fmt.Errorf("%w: %.200q", ErrNotDockerd, argv[:min(len(argv), 1)]) // its arguments may be secret
	}
	for words := argv[1:]; len(words) > 0; {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case word == "--":
			words, err = nil, tooMany(words)
		case strings.HasPrefix(word, "--"):
			words, err = flags.long(word[2:], words)
		case len(word) > 1 && word[0] == '-':
			words, err = flags.short(word[1:], words)
		default:
			err = tooMany([]string{word})
		}
		if err != nil {
			return Flags{}, fmt.Errorf("dockerd command line: %w", err)
		}
	}
	return flags, nil
}

// tooMany returns an error for words that are not flags: dockerd takes none, so
// ParseFlags has misread the line.
func tooMany(words []string) error {
	if len(words) == 0 {
		return nil
	}
	return fmt.Errorf("%q is neither a flag nor the value of one", words[0])
}

// long reads "name=value", or "name" and its value from words. Only booleans
// have no value. dockerd takes no arguments, so a word after an unknown flag is
// its value.
func (f *Flags) long(flag string, words []string) ([]string, error) {
	name, value, ok := strings.Cut(flag, "=")
	if ok {
		return words, f.set(name, value)
	}
	if len(words) > 0 && (takesValue(name) || !looksLikeFlag(words[0])) {
		return words[1:], f.set(name, words[0])
	}
	if takesValue(name) {
		return nil, fmt.Errorf("--%s has no value", name)
	}
	return words, f.set(name, "true")
}

// looksLikeFlag tells a flag from a negative number, as in
// "--oom-score-adjust -500".
func looksLikeFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

func takesValue(name string) bool {
	switch name {
	case "config-file", "default-runtime", "userns-remap", "data-root", "graph", "host", "add-runtime", "feature":
		return true
	}
	return false
}

// short reads a group of one-letter flags. The last may have a value:
// "DHfd://", "H=fd://", "H" and the next word.
func (f *Flags) short(group string, words []string) ([]string, error) {
	for group != "" {
		name, boolean := LongName(group[0])
		group = group[1:]
		if !boolean && group != "" {
			return words, f.set(name, strings.TrimPrefix(group, "="))
		}
		if !boolean {
			if len(words) == 0 {
				return nil, fmt.Errorf("--%s has no value", name)
			}
			return words[1:], f.set(name, words[0])
		}
		value := "true"
		if rest, ok := strings.CutPrefix(group, "="); ok {
			value, group = rest, ""
		}
		if err := f.set(name, value); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// LongName returns the long name of a one-letter flag of dockerd 20.10 to 29
// (dockerd --help).
func LongName(letter byte) (name string, boolean bool) {
	switch letter {
	case 'b':
		return "bridge", false
	case 'D':
		return "debug", true
	case 'G':
		return "group", false
	case 'g':
		return "graph", false
	case 'H':
		return "host", false
	case 'l':
		return "log-level", false
	case 'p':
		return "pidfile", false
	case 's':
		return "storage-driver", false
	case 'v':
		return "version", true
	}
	return string(letter), true
}

func (f *Flags) set(name, value string) error {
	if name == "graph" { // data-root's name until 17.05
		name = "data-root"
	}
	f.Set[name] = value
	switch name {
	case "config-file":
		f.ConfigFile = value
	case "default-runtime":
		f.DefaultRuntime = value
	case "userns-remap":
		f.UsernsRemap = value
	case "data-root":
		f.DataRoot = value
	case "host":
		f.Hosts = append(f.Hosts, value)
	case "add-runtime":
		runtime, path, ok := strings.Cut(value, "=")
		if !ok {
			return fmt.Errorf("--add-runtime %q is not name=path", value)
		}
		f.AddRuntimes[runtime] = path
	case "feature":
		// As moby's opts.NamedSetOpts: a name alone is true, and a value is any boolean of Go.
		name, text, has := strings.Cut(value, "=")
		on, err := strconv.ParseBool(text)
		if has && err != nil {
			return fmt.Errorf("--feature %q: %q is not a boolean", name, text)
		}
		f.Features[name] = on || !has
	}
	return nil
}
