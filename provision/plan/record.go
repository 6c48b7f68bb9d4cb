package plan

import (
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// Recorded is o.Before with what p brings under management: the text of daemon.json, and each key that p
// writes or that matches the configuration already. A held key is recorded once it is written. It is pure.
func Recorded(c config.Config, o host.Observed, p Plan, opts Options, now time.Time) *state.Before {
	next := o.Before.Clone()
	if o.Before == nil {
		next.Recorded = now
	}
	g := newGoal(c, o, opts)
	wanted, err := g.DaemonJSON()
	if err != nil {
		return next // there is no plan then either
	}
	r := recording{config: c, o: o, now: now, differs: g.changedItems(o.File.Doc, wanted), earlier: o.HadUnrecordedVersion()}
	for _, name := range c.RuntimeNames() {
		if runtimes.UnreadSettings(g.Config, g.Observed, name) != "" {
			r.differs = append(r.differs, config.RuntimeItem(name))
			if name == c.Docker.DefaultRuntime && config.DefaultRuntimeIn(o.File.Doc) != name {
				r.differs = append(r.differs, config.ItemDefaultRuntime)
			}
		}
	}
	for _, step := range p.Steps {
		if write, ok := step.(steps.WriteDaemonJSON); ok {
			r.writes = append(r.writes, write.Items...)
		}
	}
	next.Files[o.File.Path] = r.file(next.Files[o.File.Path])
	return next
}

// recording is one addition to a record.
type recording struct {
	config  config.Config
	o       host.Observed
	now     time.Time
	differs []string // items that do not match the configuration
	writes  []string // items that the plan writes
	earlier bool     // a version without a record was here
}

func (r recording) file(previous state.BeforeFile) state.BeforeFile {
	at, file := r.o.File, previous
	if previous.Recorded.IsZero() || !previous.Managed && (previous.Text != string(at.Bytes) || previous.Exists != at.Exists) {
		file = state.BeforeFile{
			Recorded: r.now, Assumed: r.earlier, Target: at.Target, Exists: at.Exists,
			Text: string(at.Bytes), UID: at.UID, GID: at.GID, Keys: previous.Keys,
		}
		if at.Exists {
			file.Mode = at.Mode
		}
	}
	if file.Keys == nil {
		file.Keys = map[string]state.BeforeKey{}
	}
	for _, item := range r.config.Items() {
		if key, ok := r.key(file.Keys[item], item); ok {
			file.Keys[item] = key
		}
	}
	file.Managed = file.Managed || file.Assumed || len(r.differs) == 0
	return file
}

// key is the record of one key; false if it is not under management yet.
func (r recording) key(key state.BeforeKey, item string) (state.BeforeKey, bool) {
	differs := slices.Contains(r.differs, item)
	if key.Managed || differs && !slices.Contains(r.writes, item) {
		return key, !key.Recorded.IsZero()
	}
	if key.Recorded.IsZero() || !key.Matches(r.o.File.Doc, item) {
		key = state.BeforeKey{Recorded: r.now, Assumed: r.earlier}
		key.Value, key.Present = config.ItemValue(r.o.File.Doc, item)
		if r.ours(item) {
			key = state.BeforeKey{Recorded: r.now, Assumed: true, Managed: true}
		}
	}
	key.Managed = key.Managed || !differs
	return key, true
}

// ours reports whether an earlier version without a record has set item: a runtime with a release's path and
// no arguments, a default that names such a runtime, and userns-remap if ids were made for it.
func (r recording) ours(item string) bool {
	doc := r.o.File.Doc
	created := func(name string) bool {
		_, defined := doc.Runtimes()[name]
		origin, assumed := runtimes.OriginOf(r.config, r.o, name)
		return defined && origin == runtimes.Created && assumed
	}
	if name, runtime := strings.CutPrefix(item, config.RuntimePrefix); runtime {
		return created(name)
	}
	switch item {
	case config.ItemDefaultRuntime:
		return r.earlier && created(config.DefaultRuntimeIn(doc))
	case config.ItemUsernsRemap:
		return r.earlier && config.UsernsRemapIn(doc) != "" && len(r.o.IDs.Made) > 0
	}
	return false
}
