package redact

import (
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
)

// hidden stands where a value is not shown.
const hidden = "…"

// Arguments is dockerd's command line with the values that a diff of
// daemon.json would show too. Of all else it has the names.
func Arguments(argv []string) string {
	var shown []string
	option := "" // the one whose value the next word is
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
			// What follows the letter may be more letters, or its value.
			option, _ = engine.LongName(name[0])
			if len(name) > 1 {
				word = word[:2] + valueShown(option, strings.TrimPrefix(name[1:], "="))
				option = ""
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

// Environment is an environment with the values of those variables that say
// how dockerd and Go work, and hold no secret. Of all others it has the names.
func Environment(environment []string) string {
	var shown []string
	for _, one := range environment {
		name, value, _ := strings.Cut(one, "=")
		switch name {
		case engine.BuildKitCommand, "DOCKER_RAMDISK", "DOCKER_TMPDIR", "DOCKER_MIN_API_VERSION", "DOCKER_DRIVER",
			"GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "PATH", "TMPDIR", "HOME", "LANG", "LC_ALL", "TZ":
			shown = append(shown, name+"="+value)
		default:
			shown = append(shown, name+"="+hidden)
		}
	}
	return strings.Join(shown, " ")
}
