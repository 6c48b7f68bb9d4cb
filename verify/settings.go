package verify

import (
	"slices"
	"strconv"
	"strings"
)

// A setting is one flag as runsc would read it.
type setting struct{ name, value string }

// weakens finds the setting in the table. An exact name wins over a prefix.
func (s setting) weakens() (Weakness, bool) {
	var found *weakening
	for i := range weakenings {
		w := &weakenings[i]
		prefix := strings.HasSuffix(w.Flag, "-") && strings.HasPrefix(s.name, w.Flag)
		if s.name == w.Flag || prefix && found == nil {
			found = w
		}
	}
	if found == nil || !found.weak(s.value) {
		return Weakness{}, false
	}
	shown := "--" + s.name
	if value, err := strconv.ParseBool(s.value); err != nil || !value {
		shown += "=" + s.value
	}
	return Weakness{Setting: Printable(shown), Gives: found.Gives, Source: found.Source}, true
}

// untilCommand drops runsc's command ("boot", "gofer") and everything after it.
// runsc passes its flags on as --name=value, so the command is the first word
// without a dash.
func untilCommand(argv []string) []string {
	for i, arg := range argv {
		if !strings.HasPrefix(arg, "-") {
			return argv[:i]
		}
	}
	return argv
}

// settings reads arguments as Go's package flag does: the last value of a flag
// counts. A flag without a value takes the next word, or is true. Unlike
// package flag it also reads on after a word that is not a flag, because a flag
// too many is better than one missed. So a word replaces an earlier value only
// if it is certainly a flag.
func settings(args []string) []setting {
	var list []setting
	ended, maybeValue := false, false // no flag follows for certain; this word may be the value of the previous flag
	for i, arg := range args {
		name, dashed := strings.CutPrefix(arg, "-")
		if !dashed {
			ended = ended || !maybeValue
			maybeValue = false
			continue
		}
		name = strings.TrimPrefix(name, "-")
		name, value, has := strings.Cut(name, "=")
		sure := !ended && !maybeValue
		maybeValue = !has && !isBooleanFlag(name)
		if !has {
			value = "true"
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && maybeValue {
				value = args[i+1]
			}
		}
		if sure {
			list = slices.DeleteFunc(list, func(s setting) bool { return s.name == name })
		}
		list = append(list, setting{name, value})
	}
	return list
}

// SettingOf returns the value of a flag among arguments of runsc, as runsc would read it, and whether it is there.
// The value of a boolean flag that has none is "true".
func SettingOf(args []string, name string) (value string, set bool) {
	for _, s := range settings(args) {
		if s.name == name {
			value, set = s.value, true
		}
	}
	return value, set
}

// isBooleanFlag reports whether the table has the flag as a boolean, which does not
// take the next word as its value.
func isBooleanFlag(name string) bool {
	for _, w := range weakenings {
		if w.Flag == name {
			return w.Is == "true"
		}
	}
	return false
}
