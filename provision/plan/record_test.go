package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/test/seen"
)

// history is a host and its record over several runs.
type history struct {
	t      *testing.T
	config config.Config
	o      host.Observed
	now    time.Time
}

func historyOf(t *testing.T, change func(*config.Config), h seen.Host) *history {
	h.Unrecorded = true
	return &history{t: t, config: seen.Wants(change), o: h.Observed(t), now: time.Unix(1, 0).UTC()}
}

// remembers makes a plan and a record, as a run does before its first step.
func (h *history) remembers() Plan {
	h.t.Helper()
	plan, err := New(h.config, h.o, Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.now = h.now.Add(time.Second)
	h.o.Before = Recorded(h.config, h.o, plan, Options{}, h.now)
	return plan
}

// applies carries out plans until nothing is left to do.
func (h *history) applies() {
	h.t.Helper()
	for range 8 {
		plan := h.remembers()
		if plan.Empty() {
			return
		}
		for _, step := range plan.Steps {
			h.o = carriedOut(h.t, h.o, step)
			if plan.Provisional {
				break
			}
		}
	}
	h.t.Fatal("got steps left after eight plans, want none")
}

// edits changes daemon.json like another program.
func (h *history) edits(text string) { h.o.File = seen.DaemonJSON(h.t, text) }

// has checks the recorded text and keys: a key is "absent" or its value, with marks.
func (h *history) has(text string, keys map[string]string) {
	h.t.Helper()
	file := h.o.Before.Files[h.o.File.Path]
	got := map[string]string{}
	for item, key := range file.Keys {
		words := []string{"absent"}
		if key.Present {
			words[0] = key.Value
		}
		if key.Assumed {
			words = append(words, "assumed")
		}
		if !key.Managed {
			words = append(words, "not managed")
		}
		got[item] = strings.Join(words, ", ")
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		h.t.Errorf("keys (-want +got):\n%s", diff)
	}
	if file.Text != text || file.Exists != (text != "") {
		h.t.Errorf("got the text %q recorded (exists: %v), want %q", file.Text, file.Exists, text)
	}
}

func TestRecord_FirstRun(t *testing.T) {
	h := historyOf(t, seen.AsDefault, seen.Host{File: `{"default-runtime": "nvidia"}`, Engine: seen.Dockerd(`{"default-runtime":"nvidia"}`)})
	h.remembers()
	h.has(`{"default-runtime": "nvidia"}`, map[string]string{config.RuntimeItem("runsc"): "absent, not managed", config.ItemDefaultRuntime: `"nvidia", not managed`})
	h.applies()
	want := map[string]string{config.RuntimeItem("runsc"): "absent", config.ItemDefaultRuntime: `"nvidia"`}
	h.has(`{"default-runtime": "nvidia"}`, want)
	first := h.o.Before
	h.edits(seen.RegisteredBare(seen.Newer, `"default-runtime":"runc"`))
	h.applies()
	if diff := cmp.Diff(first, h.o.Before); diff != "" {
		t.Errorf("after drift: the record changed (-first +later):\n%s", diff)
	}
}

func TestRecord_MissingFile(t *testing.T) {
	h := historyOf(t, nil, seen.Host{Engine: seen.Dockerd("")})
	h.applies()
	h.has("", map[string]string{config.RuntimeItem("runsc"): "absent"})
}

func TestRecord_Adopted(t *testing.T) {
	text := seen.WithArgs("/usr/bin/runsc", `"--debug"`)
	h := historyOf(t, nil, seen.Host{File: text, Engine: seen.Dockerd(text)})
	h.applies()
	h.has(text, map[string]string{config.RuntimeItem("runsc"): `{"path":"/usr/bin/runsc","runtimeArgs":["--debug"]}`})
	// Our path, and no arguments: it is still adopted.
	h.edits(seen.RegisteredBare(seen.Newer))
	if got := runtimes.ArgumentsOf(h.config, h.o, seen.Newer, "runsc"); got.Origin != runtimes.Adopted || got.Assumed {
		t.Errorf("got %+v, want it adopted by the record", got)
	}
}

// A run ended after the record and before the first write, so its text was never on disk.
func TestRecord_AnotherProgramWritesBeforeTheFirstWrite(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.remembers()
	text := seen.WithArgs("/usr/bin/runsc", `"--debug"`)
	h.edits(text)
	if got := runtimes.ArgumentsOf(h.config, h.o, seen.Newer, "runsc").Origin; got != runtimes.Adopted {
		t.Error("got another program's runtime as ours, want it adopted")
	}
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.applies()
	h.has(text, map[string]string{config.RuntimeItem("runsc"): `{"path":"/usr/bin/runsc","runtimeArgs":["--debug"]}`})
}

// A run ended after its first write: settleBefore has marked the record.
func TestRecord_OurTextIsNeverRecordedAsTheEarlierOne(t *testing.T) {
	h := historyOf(t, nil, seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: "{}", Engine: seen.Dockerd("")})
	h.o.Releases = nil // the first run has none yet
	h.o.Link.Kind = release.LinkAbsent
	h.remembers()
	h.o.Releases = []release.Installed{seen.Intact(seen.Newer)}
	ours := seen.DaemonJSON(t, seen.Registered(seen.Newer)).Doc
	h.o.Before = h.o.Before.AfterWrite(h.o.File.Path, ours)
	h.edits(seen.Registered(seen.Newer, `"debug":true`))
	h.applies()
	h.has("{}", map[string]string{config.RuntimeItem("runsc"): "absent"})
}

// A run was rolled back, and then the user registers a runtime.
func TestRecord_RolledBack(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.remembers()
	path := h.o.File.Path
	h.o.Before = h.o.Before.AfterWrite(path, seen.DaemonJSON(t, seen.Registered(seen.Newer)).Doc).AfterRevert(path, seen.DaemonJSON(t, "{}").Doc)
	text := `{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}`
	h.edits(text)
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.applies()
	h.has(text, map[string]string{config.RuntimeItem("runsc"): `{"path":"/usr/bin/runsc"}`})
}

func TestRecord_KeysAreAddedLater(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.applies()
	first := h.o.Before.Files[h.o.File.Path].Keys[config.RuntimeItem("runsc")]
	h.edits(strings.Replace(string(h.o.File.Bytes), "{", `{"default-runtime":"crun",`, 1))
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.config.Docker.DefaultRuntime = "runsc"
	h.config.Docker.Runtimes["gv"] = config.Runtime{}
	h.applies()
	h.has("{}", map[string]string{config.RuntimeItem("runsc"): "absent", "runtimes.gv": "absent", config.ItemDefaultRuntime: `"crun"`})
	if got := h.o.Before.Files[h.o.File.Path].Keys[config.RuntimeItem("runsc")]; got != first {
		t.Errorf("got %+v, want the first record: %+v", got, first)
	}
}

// A held key was not written, so another program may change it until it is.
func TestRecord_HeldKeysAreRecordedWhenTheyAreWritten(t *testing.T) {
	h := historyOf(t, seen.AsDefault, seen.Host{File: `{"default-runtime":"crun"}`})
	h.applies()
	h.has(`{"default-runtime":"crun"}`, map[string]string{config.RuntimeItem("runsc"): "absent"})
}

func TestRecord_AfterAVersionWithoutARecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		file   string
		want   map[string]string
	}{
		{"ours", seen.AsDefault, seen.RegisteredBare(seen.Newer, `"default-runtime":"runsc"`), map[string]string{config.RuntimeItem("runsc"): "absent, assumed", config.ItemDefaultRuntime: "absent, assumed"}},
		{"with arguments", nil, seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`), map[string]string{
			config.RuntimeItem("runsc"): `{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--debug"]}, assumed`,
		}},
		{"with another path", nil, `{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}`, map[string]string{config.RuntimeItem("runsc"): `{"path":"/usr/bin/runsc"}, assumed`}},
		{"another default", seen.AsDefault, seen.RegisteredBare(seen.Newer, `"default-runtime":"crun"`), map[string]string{config.RuntimeItem("runsc"): "absent, assumed", config.ItemDefaultRuntime: `"crun", assumed`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := historyOf(t, test.config, seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: test.file, Engine: seen.Dockerd(test.file)})
			h.applies()
			h.has(test.file, test.want)
			if !h.o.Before.Files[h.o.File.Path].Assumed {
				t.Error("got the text without a mark, want it marked as assumed")
			}
		})
	}
}

func TestRecord_AnotherFile(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.applies()
	first := h.o.Before.Files[h.o.File.Path]
	path := h.o.File.Path
	h.edits(`{"debug":true}`)
	h.o.File.Path = "/srv/daemon.json"
	h.remembers()
	h.has(`{"debug":true}`, map[string]string{config.RuntimeItem("runsc"): "absent, not managed"})
	if diff := cmp.Diff(first, h.o.Before.Files[path]); diff != "" {
		t.Errorf("the other file's record changed (-first +later):\n%s", diff)
	}
}
