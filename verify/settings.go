package verify

import (
	"slices"
	"strconv"
	"strings"
)

// setting is one flag as runsc would read it.
type setting struct{ name, value string }

// weakens finds the setting in the table. An exact name goes before the
// beginning of one.
func (s setting) weakens() (Weakness, bool) {
	var found *Weakening
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

// untilCommand drops runsc's command ("boot", "gofer") and what follows: runsc
// hands its flags on as --name=value, so the first word without a dash is that.
func untilCommand(argv []string) []string {
	for i, arg := range argv {
		if !strings.HasPrefix(arg, "-") {
			return argv[:i]
		}
	}
	return argv
}

// settings reads arguments as Go's package flag does, where the last value of a
// flag counts, and on after a word that is no flag: rather one too many is seen
// than one too few. So a word replaces an earlier value only if it surely is a
// flag. A flag without a value has the next word for one, or is true.
func settings(args []string) []setting {
	var list []setting
	ended, maybeValue := false, false // the flags are over; this word may be the value of the one before
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
		maybeValue = !has && !boolean(name)
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

// boolean reports whether a flag of the table takes no value of its own.
func boolean(name string) bool {
	for _, w := range weakenings {
		if w.Flag == name {
			return w.Is == "true"
		}
	}
	return false
}
