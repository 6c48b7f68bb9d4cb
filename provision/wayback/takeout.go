package wayback

import (
	"maps"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// Carry says what another program's text still has of the change.
type Carry int

const (
	CarriesNothing  Carry = iota // no setting of ours
	CarriesSettings              // settings that no restart is needed for, or that dockerd runs with
	CarriesRestart               // a userns-remap that dockerd takes at its next start
	CarriesUnknown               // the text cannot be parsed
)

// CarryOf says what text still has of the change j, if dockerd runs with remap.
func CarryOf(j state.Journal, text, old []byte, remap config.Remap) Carry {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return CarriesUnknown
	}
	before, err := daemonjson.Parse(old)
	if err != nil {
		return CarriesUnknown
	}
	want, kept := takenOut(j, doc, before)
	switch {
	case want.UsernsRemap != nil && config.RemapOf(config.UsernsRemapIn(doc) != "") != remap:
		return CarriesRestart
	case want.UsernsRemap != nil, want.DefaultRuntime != nil, len(want.Runtimes)+len(kept) > 0:
		return CarriesSettings
	default:
		return CarriesNothing
	}
}

// KeepsRemap reports whether text has the userns-remap that the plan writes, and dockerd
// runs with it.
func KeepsRemap(j state.Journal, text []byte, remap config.Remap) bool {
	doc, err := daemonjson.Parse(text)
	if err != nil || j.File.Sets == nil {
		return false
	}
	value := config.UsernsRemapIn(doc)
	return value == j.File.Sets.UsernsRemap && config.RemapOf(value != "") == remap
}

// SwitchesRemap reports whether the plan changes userns-remap in the text old.
func SwitchesRemap(j state.Journal, old []byte) bool {
	doc, err := daemonjson.Parse(old)
	return err == nil && j.File.Sets != nil && j.File.Sets.UsernsRemap != config.UsernsRemapIn(doc)
}

// TakeOut returns text, which another program has written, with our settings as they were
// in old. A setting that the other program has changed stays. kept names the runtimes that
// keep their new definition, because Edit cannot write the old one (it has a type).
//
// It never leaves a default runtime that nothing defines, if text defines it: dockerd would
// not start.
func TakeOut(j state.Journal, text, old daemonjson.Document, flags commandline.Flags) (doc daemonjson.Document, kept []string, err error) {
	want, kept := takenOut(j, text, old)
	doc, err = daemonjson.Edit(text, want)
	if err != nil {
		return doc, nil, err
	}
	if name, set := doc.DefaultRuntime(); set && !activation.Defines(doc, flags, name) && activation.Defines(text, flags, name) {
		delete(want.Runtimes, name)
		kept = append(kept, name)
		doc, err = daemonjson.Edit(text, want)
	}
	return doc, kept, err
}

// takenOut is what puts our settings in doc back as they were in old.
func takenOut(j state.Journal, doc, old daemonjson.Document) (want daemonjson.Want, kept []string) {
	wrote := j.File.Sets
	if now, before := config.DefaultRuntimeIn(doc), config.DefaultRuntimeIn(old); now != before && (wrote == nil || now == wrote.DefaultRuntime) {
		want.DefaultRuntime = &before
	}
	if now, before := config.UsernsRemapIn(doc), config.UsernsRemapIn(old); now != before && (wrote == nil || now == wrote.UsernsRemap) {
		want.UsernsRemap = &before
	}
	want.Runtimes, want.Tidy = map[string]*daemonjson.Runtime{}, !old.Has("runtimes")
	for _, name := range j.Runtimes {
		now, has := doc.Runtimes()[name]
		before, had := old.Runtimes()[name]
		switch {
		case has == had && sameRuntime(now, before), wrote != nil && !wroteRuntime(*wrote, name, now, has):
		case !had:
			want.Runtimes[name] = nil
		case before.Path == "" || before.Type != "":
			kept = append(kept, name)
		default:
			want.Runtimes[name] = &daemonjson.Runtime{Path: before.Path, Args: append([]string{}, before.Args...)}
		}
	}
	return want, kept
}

// wroteRuntime reports whether the entry called name is as the plan writes it: now, or missing without has.
func wroteRuntime(wrote state.JournalValues, name string, now daemonjson.Runtime, has bool) bool {
	entry, written := wrote.Runtimes[name]
	return has == written && sameRuntime(now, entry)
}

func sameRuntime(a, b daemonjson.Runtime) bool {
	return a.Path == b.Path && a.Type == b.Type && slices.Equal(a.Args, b.Args)
}

// valuesOf returns the values of our keys in the last text that p writes; nil if it writes
// none.
func valuesOf(p plan.Plan, names []string) *state.JournalValues {
	for _, step := range slices.Backward(p.Steps) {
		s, writes := step.(steps.WriteDaemonJSON)
		if !writes {
			continue
		}
		doc, err := daemonjson.Parse(s.New)
		if err != nil {
			return nil
		}
		runtimes := maps.Clone(doc.Runtimes())
		maps.DeleteFunc(runtimes, func(name string, _ daemonjson.Runtime) bool { return !slices.Contains(names, name) })
		return &state.JournalValues{DefaultRuntime: config.DefaultRuntimeIn(doc), UsernsRemap: config.UsernsRemapIn(doc), Runtimes: runtimes}
	}
	return nil
}
