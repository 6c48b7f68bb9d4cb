package earlier

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

const (
	path  = "/etc/docker/daemon.json"
	store = "/usr/local/lib/gvisor"
	runsc = `{"path":"/usr/local/lib/gvisor/20260914.0/runsc"}`
)

func parse(t *testing.T, text string) daemonjson.Document {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// a situation is a daemon.json before this program and now.
type situation struct {
	before  *string // nil: no file
	assumed bool    // a version without a record was here
	none    bool    // there is no record at all
	now     string
	managed string // items that this program has written, with blanks between
	config  func(*config.Config)
	engine  *engine.Info
}

func (s situation) observed(t *testing.T) host.Observed {
	o := host.Observed{Store: store, Engine: s.engine, File: daemonfile.File{Path: path, Target: path, Exists: true, Bytes: []byte(s.now), Doc: parse(t, s.now)}}
	if s.none {
		return o
	}
	file := state.BeforeFile{Recorded: time.Unix(1, 0), Assumed: s.assumed, Managed: true, Target: path, Keys: map[string]state.BeforeKey{}}
	if s.before != nil {
		file.Exists, file.Text = true, *s.before
	}
	for _, item := range strings.Fields(s.managed) {
		key := state.BeforeKey{Recorded: time.Unix(1, 0), Assumed: s.assumed, Managed: true}
		key.Value, key.Present = config.ItemValue(parse(t, file.Text), item)
		file.Keys[item] = key
	}
	o.Before = &state.Before{SchemaVersion: 1, Files: map[string]state.BeforeFile{path: file}, Objects: map[string]state.BeforeObject{}}
	return o
}

func asDefault(c *config.Config) { c.Docker.DefaultRuntime = "runsc" }

func remapped(c *config.Config) { c.Docker.UsernsRemap = "default" }

const both = "runtimes.runsc default-runtime"

func TestOf(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, test := range map[string]struct {
		situation
		want       string
		removes    bool
		unrecorded []string
		notes      int
	}{
		"empty runtimes of the user, never applied": {situation{none: true, now: `{"default-runtime":"runc","runtimes":{}}`}, `{"default-runtime":"runc","runtimes":{}}`, false, nil, 0},
		"nothing of ours":                    {situation{before: text(`{"a":1}`), now: `{"a":1}`}, `{"a":1}`, false, nil, 0},
		"no file before":                     {situation{now: `{"runtimes":{"runsc":` + runsc + `},"default-runtime":"runsc"}`, managed: both, config: asDefault}, `{}`, true, nil, 0},
		"no file before, another option now": {situation{now: `{"runtimes":{"runsc":` + runsc + `},"debug":true}`, managed: both}, `{"debug":true}`, false, nil, 0},
		"the bytes from before":              {situation{before: text("{ \"a\" :1 }\n\n"), now: `{"a":1,"runtimes":{"runsc":` + runsc + `}}`, managed: both}, "{ \"a\" :1 }\n\n", false, nil, 0},
		"an empty file before":               {situation{before: text("\n"), now: `{"runtimes":{"runsc":` + runsc + `}}`, managed: both}, "\n", false, nil, 0},
		"empty runtimes before":              {situation{before: text(`{"runtimes":{}}`), now: `{"runtimes":{"runsc":` + runsc + `}}`, managed: both}, `{"runtimes":{}}`, false, nil, 0},
		"a runtime by type before": {
			situation{before: text(`{"runtimes":{"runsc":{"runtimeType":"io.x.v1"}}}`), now: `{"mtu":1,"runtimes":{"runsc":` + runsc + `}}`, managed: both},
			`{"mtu":1,"runtimes":{"runsc":{"runtimeType":"io.x.v1"}}}`, false, nil, 0,
		},
		"another default before": {
			situation{before: text(`{"default-runtime":"crun","runtimes":{"crun":{"path":"/c"}}}`), now: `{"default-runtime":"runsc","runtimes":{"crun":{"path":"/c"},"runsc":` + runsc + `}}`, managed: both, config: asDefault},
			`{"default-runtime":"crun","runtimes":{"crun":{"path":"/c"}}}`, false, nil, 0,
		},
		"a default before that is gone": {
			situation{before: text(`{"default-runtime":"crun","runtimes":{"crun":{"path":"/c"}}}`), now: `{"default-runtime":"runsc","runtimes":{"runsc":` + runsc + `}}`, managed: both, config: asDefault},
			`{"runtimes":{}}`, false, nil, 1,
		},
		"another program's default now": {
			situation{before: text(`{}`), now: `{"default-runtime":"crun","runtimes":{"crun":{"path":"/c"},"runsc":` + runsc + `}}`, managed: both, config: asDefault},
			`{"default-runtime":"crun","runtimes":{"crun":{"path":"/c"}}}`, false, nil, 1,
		},
		"the explicit text of a killed run": {situation{before: text(`{}`), now: `{"runtimes":{},"default-runtime":"runc"}`, managed: both, config: asDefault}, `{}`, false, nil, 0},
		"our runtime runs something else":   {situation{before: text(`{}`), now: `{"runtimes":{"runsc":{"path":"/opt/runsc"}}}`, managed: both}, `{"runtimes":{"runsc":{"path":"/opt/runsc"}}}`, false, nil, 1},
		"a default by hand that names ours": {situation{before: text(`{}`), now: `{"runtimes":{"runsc":` + runsc + `},"default-runtime":"runsc"}`, managed: "runtimes.runsc"}, `{}`, false, nil, 0},
		"userns-remap":                      {situation{before: text(`{"userns-remap":"alice"}`), now: `{"userns-remap":"default"}`, managed: "userns-remap", config: remapped}, `{"userns-remap":"alice"}`, false, nil, 0},
		"userns-remap, changed since":       {situation{before: text(`{}`), now: `{"userns-remap":"bob"}`, managed: "userns-remap", config: remapped}, `{"userns-remap":"bob"}`, false, nil, 1},
		"userns-remap, configuration lost":  {situation{before: text(`{}`), now: `{"userns-remap":"default"}`, managed: "userns-remap"}, `{}`, false, nil, 0},
		"userns-remap of another program":   {situation{before: text(`{"userns-remap":"bob"}`), now: `{"userns-remap":"bob"}`}, `{"userns-remap":"bob"}`, false, nil, 0},
		"no record, and switched off": {situation{none: true, now: `{"a":1}`, config: func(c *config.Config) {
			c.Docker.DefaultRuntime, c.Docker.UsernsRemap = config.Off, config.RemapDisabled
		}}, `{"a":1}`, false, nil, 0},
		"no record": {
			situation{none: true, now: `{"runtimes":{"runsc":` + runsc + `},"default-runtime":"runsc"}`, config: asDefault},
			`{}`, false, []string{"runtimes.runsc", "default-runtime"}, 0,
		},
		"a record after a version without one": {
			situation{before: text(`{"runtimes":{"runsc":` + runsc + `}}`), assumed: true, now: `{"runtimes":{"runsc":` + runsc + `}}`, managed: "runtimes.runsc"},
			`{}`, false, []string{"runtimes.runsc"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			if test.config != nil {
				test.config(&c)
			}
			got, err := Of(c, test.observed(t), false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got.Doc.Bytes())); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.unrecorded, got.Unrecorded); diff != "" || got.RemovesFile != test.removes || len(got.Notes) != test.notes {
				t.Errorf("got %+v, want unrecorded %q, removes %t, %d notes", got, test.unrecorded, test.removes, test.notes)
			}
		})
	}
}

func TestOf_OnlyDockerdHasARuntime(t *testing.T) {
	info := engine.Info{Runtimes: map[string]engine.Runtime{"old": {Path: store + "/20260907.0/runsc"}, "crun": {Path: "/c"}}}
	got, err := Of(config.Default(), situation{now: `{}`, engine: &info}.observed(t), false)
	if err != nil || len(got.Runtimes) != 1 || got.Runtimes[0] != "old" {
		t.Errorf("got %+v, %v, want the runtime old", got, err)
	}
}

func TestOf_AssumeUnset(t *testing.T) {
	got, err := Of(config.Default(), situation{none: true, now: `{"runtimes":{"runsc":` + runsc + `}}`}.observed(t), true)
	if err != nil || len(got.Unrecorded) > 0 || string(got.Doc.Bytes()) != "{}" {
		t.Errorf("got %+v, %v, want an empty object", got, err)
	}
}

func TestDefaultRuntime(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, test := range map[string]struct {
		situation
		want string
	}{
		"none before":           {situation{before: text(`{}`), now: `{"default-runtime":"runsc"}`, managed: both}, ""},
		"another before":        {situation{before: text(`{"default-runtime":"io.x.v1"}`), now: `{"default-runtime":"runsc"}`, managed: both}, "io.x.v1"},
		"one that is gone":      {situation{before: text(`{"default-runtime":"crun"}`), now: `{"default-runtime":"runsc"}`, managed: both}, ""},
		"ours before":           {situation{before: text(`{"default-runtime":"runsc"}`), now: `{"default-runtime":"runsc"}`, managed: both}, ""},
		"another program's now": {situation{before: text(`{}`), now: `{"default-runtime":"crun"}`, managed: both}, "crun"},
		"no record":             {situation{none: true, now: `{"default-runtime":"runsc"}`}, ""},
	} {
		o := test.observed(t)
		if got := DefaultRuntime(config.Default(), o, o.File.Doc); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
