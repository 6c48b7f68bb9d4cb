// Package earlier computes daemon.json as it was before this program: without what this program wrote, and with
// what its record says was there. Edits of other programs stay. It is pure, and guesses nothing: it names each
// setting whose earlier value no record has.
package earlier

import (
	"maps"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/runtimes"
)

// Settings is daemon.json without this program.
type Settings struct {
	Doc daemonjson.Document
	// RemovesFile says that daemon.json did not exist before, and that nothing else is in it.
	RemovesFile bool
	// Runtimes are the names of ours that daemon.json or dockerd has, sorted. Doc lacks them, or has their
	// earlier entries.
	Runtimes []string
	// ChangesRemap says that Doc has another userns-remap than daemon.json.
	ChangesRemap bool
	// Unrecorded are the items, of config.Config.Items, whose earlier value no record has. Doc has no value
	// for them.
	Unrecorded []string
	// Notes say what stays as another program or the user made it.
	Notes []string
}

// Of computes the settings of a host that c and this program's record describe. assumeUnset says that a value
// that no record has was unset. The error is a *blocked.Refused.
func Of(c config.Config, o host.Observed, assumeUnset bool) (Settings, error) {
	r := reader{config: c, o: o, record: recordOf(o), assumeUnset: assumeUnset}
	want := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}, RawRuntimes: map[string]string{}}
	r.runtimes(&want)
	want.Tidy = r.record.mayTidy(len(want.Runtimes) > 0)
	want.DefaultRuntime = r.defaultRuntime()
	want.UsernsRemap = r.remap()
	doc, err := daemonjson.Edit(o.File.Doc, want)
	if err != nil {
		return Settings{}, &blocked.Refused{Object: o.File.Path, Err: err}
	}
	r.Doc = r.record.respelled(doc)
	r.ChangesRemap = config.UsernsRemapIn(r.Doc) != config.UsernsRemapIn(o.File.Doc)
	r.RemovesFile = o.File.Exists && r.record.known && !r.record.Exists && len(r.Doc.Keys()) == 0
	r.dropUndefinedDefault()
	return r.Settings, nil
}

// reader computes one Settings.
type reader struct {
	Settings
	config      config.Config
	o           host.Observed
	record      record
	assumeUnset bool
}

// runtimes takes out the runtimes that run a release of ours, or puts back what they replaced.
func (r *reader) runtimes(want *daemonjson.Want) {
	names := map[string]bool{}
	for name, entry := range r.o.File.Doc.Runtimes() {
		if r.isOurs(entry.Path) {
			names[name] = true
		} else if _, managed := r.config.Docker.Runtimes[name]; managed && entry.Path != "" {
			r.note("runtime " + name + " of " + r.o.File.Path + " runs " + entry.Path + ", which is no release of this program: it stays")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if value, present := r.earlierValue(config.RuntimeItem(name)); present {
			want.RawRuntimes[name] = value
		} else {
			want.Runtimes[name] = nil
		}
	}
	if e := r.o.Engine; e != nil {
		for name, runtime := range e.Runtimes {
			if r.isOurs(runtime.Path) {
				names[name] = true
			}
		}
	}
	r.Runtimes = slices.Sorted(maps.Keys(names))
}

// isOurs reports whether a path runs a release that this program has installed, or taken over from a package.
func (r *reader) isOurs(path string) bool {
	if path == "" {
		return false
	}
	if runtimes.RunsRelease(r.o, path) {
		return true
	}
	for _, release := range r.o.Releases {
		if release.Runsc == path {
			return true
		}
	}
	return false
}

// defaultRuntime is the change of the default runtime; nil if it stays.
func (r *reader) defaultRuntime() *string {
	now := config.DefaultRuntimeIn(r.o.File.Doc)
	wrote := r.config.Docker.DefaultRuntime
	if wrote == config.Off {
		wrote = "" // it was taken out already
	}
	_, was, known := r.record.value(config.ItemDefaultRuntime)
	switch {
	case now != "" && slices.Contains(r.Runtimes, now):
		wrote = now // a default that the user wrote would name a runtime that is gone
	case now == config.RuncRuntime && known && !was && r.record.managed(config.ItemDefaultRuntime):
		wrote = now // a run that was killed had told dockerd so; it means the same as no default
	}
	return r.earlierString(config.ItemDefaultRuntime, now, wrote)
}

// remap is the change of userns-remap; nil if it stays.
func (r *reader) remap() *string {
	wrote := r.config.Docker.RemapValue()
	return r.earlierString(config.ItemUsernsRemap, config.UsernsRemapIn(r.o.File.Doc), wrote)
}

// earlierString is the earlier value of an item with the value now, if now is what this program wrote; nil if
// the item is not managed, or another program has changed it.
func (r *reader) earlierString(item, now, wrote string) *string {
	managed := slices.Contains(r.config.Items(), item)
	if !managed && wrote == "" {
		if !r.record.managed(item) {
			return nil
		}
		wrote = now // the configuration is lost
	}
	if now != wrote {
		value, present := config.ItemValue(r.o.File.Doc, item)
		before, was, known := r.record.value(item)
		if isBefore := known && was && before == value; present && !isBefore && r.record.managed(item) {
			r.note(item + " of " + r.o.File.Path + " is " + orUnset(now) + ", and this program has set " + orUnset(wrote) + ": it stays")
		}
		return nil
	}
	if _, _, known := r.record.value(item); !known && now == "" {
		return nil // it is switched off, or never was on
	}
	raw, _ := r.earlierValue(item)
	value := daemonjson.StringOf(raw)
	return &value
}

// earlierValue is the JSON text of the earlier value of an item. It is "" if it was unset, or is not recorded.
func (r *reader) earlierValue(item string) (value string, present bool) {
	value, present, known := r.record.value(item)
	if !known && !r.assumeUnset {
		r.Unrecorded = append(r.Unrecorded, item)
	}
	return value, present
}

// dropUndefinedDefault takes out an earlier default runtime that nothing defines now: dockerd would not start.
func (r *reader) dropUndefinedDefault() {
	name := config.DefaultRuntimeIn(r.Doc)
	if name == "" || name == config.DefaultRuntimeIn(r.o.File.Doc) || activation.Defines(r.Doc, r.o.Flags, name) {
		return
	}
	none := ""
	if doc, err := daemonjson.Edit(r.Doc, daemonjson.Want{DefaultRuntime: &none}); err == nil {
		r.Doc = doc
		r.note("default-runtime was " + name + ", which " + r.o.File.Path + " no longer defines: it is not put back")
	}
}

func (r *reader) note(text string) { r.Notes = append(r.Notes, text) }

func orUnset(value string) string {
	if value == "" {
		return "unset"
	}
	return value
}
