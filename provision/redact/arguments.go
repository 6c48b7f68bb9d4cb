package redact

import (
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
)

// hidden replaces a value.
const hidden = "…"

// Arguments returns dockerd's command line. It shows the values that a diff of daemon.json
// would show, and only the names of all other options.
func Arguments(argv []string) string {
	var shown []string
	option := "" // the option whose value is the next word
	for i, word := range argv {
		name, dashed := strings.CutPrefix(word, "-")
		switch {
		case i == 0:
			shown = append(shown, word)
		case dashed && strings.HasPrefix(name, "-"):
			var value string
			var has bool
			option, value, has = strings.Cut(name[1:], "=")
			if has {
				word = "--" + option + "=" + valueShown(option, value)
				option = ""
			}
			shown = append(shown, word)
		case dashed && name != "":
			// The rest may be more letters, or the value of this one.
			var boolean bool
			option, boolean = commandline.LongName(name[0])
			if len(name) > 1 {
				word = word[:2] + valueShown(option, strings.TrimPrefix(name[1:], "="))
			}
			if boolean || len(name) > 1 {
				option = "" // the next word is not its value
			}
			shown = append(shown, word)
		default:
			shown = append(shown, valueShown(option, word))
			option = ""
		}
	}
	return strings.Join(shown, " ")
}

func valueShown(option, value string) string {
	if daemonjson.Shows(option, value) {
		return value
	}
	return hidden
}

// Environment returns environment. It shows the values of variables that configure dockerd
// and Go and hold no secret, and only the names of all others.
func Environment(environment []string) string {
	var shown []string
	for _, one := range environment {
		name, value, _ := strings.Cut(one, "=")
		switch name {
		case commandline.BuildKitCommand, "DOCKER_RAMDISK", "DOCKER_TMPDIR", "DOCKER_MIN_API_VERSION", "DOCKER_DRIVER",
			"GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "PATH", "TMPDIR", "HOME", "LANG", "LC_ALL", "TZ":
			shown = append(shown, name+"="+value)
		default:
			shown = append(shown, name+"="+hidden)
		}
	}
	return strings.Join(shown, " ")
}
