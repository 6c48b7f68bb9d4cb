package plan

import (
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

// Recorded is o.Before with what plan brings under management added to it: the
// text of daemon.json, and each key that plan writes or that is as wanted
// already. A key that is held is recorded once it is written. It is pure.
func Recorded(c config.Config, o host.Observed, p Plan, opts Options, now time.Time) *state.Before {
	next := o.Before.Clone()
	if o.Before == nil {
		next.Recorded = now
	}
	g := newGoal(c, o, opts)
	whole, err := g.DaemonJSON()
	if err != nil {
		return next // there is no plan then either
	}
	r := recording{config: c, o: o, now: now, differs: g.changedItems(o.File.Doc, whole), earlier: o.Earlier()}
	for _, step := range p.Steps {
		if write, ok := step.(WriteDaemonJSON); ok {
			r.writes = append(r.writes, write.Items...)
		}
	}
	next.Files[o.File.Path] = r.file(next.Files[o.File.Path], c)
	return next
}

// recording is one addition to a record.
type recording struct {
	config  config.Config
	o       host.Observed
	now     time.Time
	differs []string // items that are not as wanted
	writes  []string // items that the plan writes
	earlier bool
}

func (r recording) file(was state.BeforeFile, c config.Config) state.BeforeFile {
	at, file := r.o.File, was
	if was.Recorded.IsZero() || !was.Managed && (was.Text != string(at.Bytes) || was.Exists != at.Exists) {
		file = state.BeforeFile{
			Recorded: r.now, Assumed: r.earlier, Target: at.Target, Exists: at.Exists,
			Text: string(at.Bytes), UID: at.UID, GID: at.GID, Keys: was.Keys,
		}
		if at.Exists {
			file.Mode = at.Mode
		}
	}
	if file.Keys == nil {
		file.Keys = map[string]state.BeforeKey{}
	}
	for _, item := range c.Items() {
		if key, ok := r.key(file.Keys[item], item); ok {
			file.Keys[item] = key
		}
	}
	file.Managed = file.Managed || file.Assumed || len(r.differs) == 0
	return file
}

// key is the record of one key; false where it is not under management yet.
func (r recording) key(was state.BeforeKey, item string) (state.BeforeKey, bool) {
	differs := slices.Contains(r.differs, item)
	if was.Managed || differs && !slices.Contains(r.writes, item) {
		return was, !was.Recorded.IsZero()
	}
	if was.Recorded.IsZero() || !was.Is(r.o.File.Doc, item) {
		was = state.BeforeKey{Recorded: r.now, Assumed: r.earlier}
		was.Value, was.Present = config.ItemValue(r.o.File.Doc, item)
		if r.ours(item) {
			was = state.BeforeKey{Recorded: r.now, Assumed: true, Managed: true}
		}
	}
	was.Managed = was.Managed || !differs
	return was, true
}

// ours reports whether a version that kept no record has set item: a runtime with
// a release's path and no arguments, the default that names such a one, and
// userns-remap where ids were made for it.
func (r recording) ours(item string) bool {
	doc := r.o.File.Doc
	created := func(name string) bool {
		_, there := doc.Runtimes()[name]
		origin, assumed := originOf(r.config, r.o, name)
		return there && origin == Created && assumed
	}
	if name, runtime := strings.CutPrefix(item, config.RuntimePrefix); runtime {
		return created(name)
	}
	switch item {
	case config.ItemDefaultRuntime:
		return r.earlier && created(config.DefaultRuntimeIn(doc))
	case config.ItemUsernsRemap:
		return r.earlier && config.UsernsRemapIn(doc) != "" && len(r.o.IDs.Ours) > 0
	}
	return false
}
