package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
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

// remembers plans and records, as a run does before its first step.
func (h *history) remembers() Plan {
	h.t.Helper()
	plan, err := NewPlan(h.config, h.o, Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.now = h.now.Add(time.Second)
	h.o.Before = recorded(h.config, h.o, plan, Options{}, h.now)
	return plan
}

// applies carries out the plan, and looks again.
func (h *history) applies() {
	h.t.Helper()
	for range maxRounds {
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
	h.t.Fatal("got something left to do, want none")
}

// edits is another program.
func (h *history) edits(text string) { h.o.File = seen.FileOf(h.t, text) }

// has checks keys: "absent", or the recorded text, with marks.
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

const runscItem = "runtimes.runsc"

func TestRecord_FirstRun(t *testing.T) {
	h := historyOf(t, seen.AsDefault, seen.Host{File: `{"default-runtime": "nvidia"}`, Engine: seen.Dockerd(`{"default-runtime":"nvidia"}`)})
	h.remembers()
	h.has(`{"default-runtime": "nvidia"}`, map[string]string{runscItem: "absent, not managed", config.ItemDefaultRuntime: `"nvidia", not managed`})
	h.applies()
	want := map[string]string{runscItem: "absent", config.ItemDefaultRuntime: `"nvidia"`}
	h.has(`{"default-runtime": "nvidia"}`, want)
	first := h.o.Before
	h.edits(seen.Bare(seen.Newer, `"default-runtime":"runc"`))
	h.applies()
	if diff := cmp.Diff(first, h.o.Before); diff != "" {
		t.Errorf("after drift: the record changed (-first +later):\n%s", diff)
	}
}

func TestRecord_MissingFile(t *testing.T) {
	h := historyOf(t, nil, seen.Host{Engine: seen.Dockerd("")})
	h.applies()
	h.has("", map[string]string{runscItem: "absent"})
}

func TestRecord_Adopted(t *testing.T) {
	text := seen.WithArgs("/usr/bin/runsc", `"--debug"`)
	h := historyOf(t, nil, seen.Host{File: text, Engine: seen.Dockerd(text)})
	h.applies()
	h.has(text, map[string]string{runscItem: `{"path":"/usr/bin/runsc","runtimeArgs":["--debug"]}`})
	// The path is ours and the arguments are gone: it is still adopted.
	h.edits(seen.Bare(seen.Newer))
	if got := argumentsOf(h.config, h.o, seen.Newer, "runsc"); got.Origin != Adopted || got.Assumed {
		t.Errorf("got %+v, want it adopted by the record", got)
	}
}

// A run ended after the record and before the first write, and what it would have
// written was never there.
func TestRecord_AnotherProgramWritesBeforeTheFirstWrite(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.remembers()
	text := seen.WithArgs("/usr/bin/runsc", `"--debug"`)
	h.edits(text)
	if got := argumentsOf(h.config, h.o, seen.Newer, "runsc").Origin; got != Adopted {
		t.Error("got the runtime of another program for ours, want it adopted")
	}
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.applies()
	h.has(text, map[string]string{runscItem: `{"path":"/usr/bin/runsc","runtimeArgs":["--debug"]}`})
}

// A run ended after its first write: settleBefore has marked the record.
func TestRecord_OurTextIsNeverWhatWasThereBefore(t *testing.T) {
	h := historyOf(t, nil, seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: "{}", Engine: seen.Dockerd("")})
	h.o.Releases = nil // the first run has none yet
	h.o.Link.Kind = release.LinkAbsent
	h.remembers()
	h.o.Releases = []release.Installed{seen.Intact(seen.Newer)}
	ours := seen.FileOf(t, seen.Registered(seen.Newer)).Doc
	h.o.Before = h.o.Before.Marked(h.o.File.Path, ours)
	h.edits(seen.Registered(seen.Newer, `"debug":true`))
	h.applies()
	h.has("{}", map[string]string{runscItem: "absent"})
}

// A run was rolled back, and then the user registers a runtime of his own.
func TestRecord_RolledBack(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.remembers()
	path := h.o.File.Path
	h.o.Before = h.o.Before.Marked(path, seen.FileOf(t, seen.Registered(seen.Newer)).Doc).Unmarked(path, seen.FileOf(t, "{}").Doc)
	text := `{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}`
	h.edits(text)
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.applies()
	h.has(text, map[string]string{runscItem: `{"path":"/usr/bin/runsc"}`})
}

func TestRecord_KeysAreAddedLater(t *testing.T) {
	h := historyOf(t, nil, seen.Host{File: "{}", Engine: seen.Dockerd("")})
	h.applies()
	first := h.o.Before.Files[h.o.File.Path].Keys[runscItem]
	h.edits(strings.Replace(string(h.o.File.Bytes), "{", `{"default-runtime":"crun",`, 1))
	h.o.Engine = seen.Reloaded(*h.o.Engine, h.o.File.Doc)
	h.config.Docker.DefaultRuntime = "runsc"
	h.config.Docker.Runtimes["gv"] = config.Runtime{}
	h.applies()
	h.has("{}", map[string]string{runscItem: "absent", "runtimes.gv": "absent", config.ItemDefaultRuntime: `"crun"`})
	if got := h.o.Before.Files[h.o.File.Path].Keys[runscItem]; got != first {
		t.Errorf("got %+v, want what was recorded first: %+v", got, first)
	}
}

// What is held was not written, and another program may change it until it is.
func TestRecord_HeldKeysAreRecordedWhenTheyAreWritten(t *testing.T) {
	h := historyOf(t, seen.AsDefault, seen.Host{File: `{"default-runtime":"crun"}`})
	h.applies()
	h.has(`{"default-runtime":"crun"}`, map[string]string{runscItem: "absent"})
}

func TestRecord_OfAnEarlierVersion(t *testing.T) {
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		file   string
		want   map[string]string
	}{
		{"ours", seen.AsDefault, seen.Bare(seen.Newer, `"default-runtime":"runsc"`), map[string]string{runscItem: "absent, assumed", config.ItemDefaultRuntime: "absent, assumed"}},
		{"with arguments", nil, seen.WithArgs(seen.RunscOf(seen.Newer), `"--debug"`), map[string]string{
			runscItem: `{"path":"` + seen.RunscOf(seen.Newer) + `","runtimeArgs":["--debug"]}, assumed`,
		}},
		{"of another path", nil, `{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}`, map[string]string{runscItem: `{"path":"/usr/bin/runsc"}, assumed`}},
		{"another default", seen.AsDefault, seen.Bare(seen.Newer, `"default-runtime":"crun"`), map[string]string{runscItem: "absent, assumed", config.ItemDefaultRuntime: `"crun", assumed`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := historyOf(t, test.config, seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: test.file, Engine: seen.Dockerd(test.file)})
			h.applies()
			h.has(test.file, test.want)
			if !h.o.Before.Files[h.o.File.Path].Assumed {
				t.Error("got the text for what was there before, want it marked as assumed")
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
	h.has(`{"debug":true}`, map[string]string{runscItem: "absent, not managed"})
	if diff := cmp.Diff(first, h.o.Before.Files[path]); diff != "" {
		t.Errorf("the other file's record changed (-first +later):\n%s", diff)
	}
}

func recordHost(t *testing.T) *Provisioner {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	return &Provisioner{Host: host.Host{Paths: host.Paths{State: at("state"), Config: at("etc"), Store: at("store"), Link: at("runsc")}}}
}

func TestBefore_IsWrittenOnceAndForRootOnly(t *testing.T) {
	h := recordHost(t)
	if err := os.MkdirAll(h.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	o := seen.Host{File: "{\"a\": \"<&>\\u00e9\"}\n", Unrecorded: true, Engine: seen.Dockerd("")}.Observed(t)
	plan, err := NewPlan(config.Default(), o, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for range 2 {
		if err := remember(&h.Host, config.Default(), o, plan, Options{}); err != nil {
			t.Fatal(err)
		}
		if o.Before, _, err = h.State().ReadBefore(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(h.State().BeforePath())
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Errorf("got another record the second time: %s\nwant %s", texts[1], texts[0])
	}
	if got := o.Before.Files[o.File.Path].Text; got != string(o.File.Bytes) {
		t.Errorf("got text %q, want %q byte for byte", got, o.File.Bytes)
	}
	info, err := os.Stat(h.State().BeforePath())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600", info.Mode(), err)
	}
	for _, object := range []string{"link:" + h.Paths.Link, "directory:" + h.Paths.Store, "file:" + config.SavedPath(h.Paths.Config)} {
		if got, ok := o.Before.Objects[object]; !ok || got.Present {
			t.Errorf("%s: got %+v, want it recorded as absent", object, got)
		}
	}
}

func TestBefore_DamagedOrNewerIsRefusedAndStays(t *testing.T) {
	h := recordHost(t)
	if err := os.MkdirAll(h.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	whole := `{"schema_version":1,"recorded":"2026-01-01T00:00:00Z","daemon_json":{},"objects":{}}`
	for name, text := range map[string]string{
		"empty":               "",
		"cut off":             whole[:len(whole)/2],
		"another type":        `[]`,
		"no version":          `{}`,
		"a part missing":      `{"schema_version":1}`,
		"newer":               `{"schema_version":2,"daemon_json":[]}`,
		"a text of no use":    strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"text":"{"}}`, 1),
		"a value of no use":   strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"keys":{"default-runtime":{"present":true,"value":"\"a"}}}}`, 1),
		"absent with a value": strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"keys":{"default-runtime":{"value":"1"}}}}`, 1),
	} {
		if err := os.WriteFile(h.State().BeforePath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := h.State().ReadBefore()
		var refusal *blocked.Refused
		if !errors.As(err, &refusal) || refusal.Object != h.State().BeforePath() {
			t.Errorf("%s: got %v, want %s refused", name, err, h.State().BeforePath())
		}
		if now, _ := os.ReadFile(h.State().BeforePath()); string(now) != text {
			t.Errorf("%s: got it replaced by %s", name, now)
		}
	}
	if err := os.WriteFile(h.State().BeforePath(), []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.State().ReadBefore(); err != nil {
		t.Errorf("a whole one: got %v, want it read", err)
	}
}

// A run was killed, or failed: what daemon.json has at the end of its transaction
// says whether a text of ours may be in it.
func TestBefore_IsSettledAtTheEndOfATransaction(t *testing.T) {
	ours := seen.Registered(seen.Newer)
	for _, test := range []struct {
		name    string
		now     string
		later   []string
		managed bool
	}{
		{"killed before the first write", "{}", []string{durable.Digest([]byte(ours))}, false},
		{"killed after it", ours, []string{durable.Digest([]byte(ours))}, true},
		{"killed, and another program has written since", seen.Registered(seen.Newer, `"debug":true`), []string{durable.Digest([]byte(ours))}, true},
		{"nothing was to be written", seen.Registered(seen.Newer, `"debug":true`), nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := recordHost(t)
			path := filepath.Join(t.TempDir(), "daemon.json")
			if err := errors.Join(os.MkdirAll(h.Paths.State, 0o700), os.WriteFile(path, []byte(test.now), 0o600)); err != nil {
				t.Fatal(err)
			}
			b := (*state.Before)(nil).Clone()
			b.Files[path] = state.BeforeFile{Exists: true, Text: "{}", Keys: map[string]state.BeforeKey{runscItem: {}}}
			j := state.Journal{SchemaVersion: state.JournalSchema, File: state.JournalFile{Place: daemonfile.Place{Path: path, Target: path}, Was: durable.Digest([]byte("{}")), Later: test.later}}
			if err := errors.Join(h.State().WriteBefore(b), h.State().WriteJournal(j), h.State().EndJournal()); err != nil {
				t.Fatal(err)
			}
			b, _, err := h.State().ReadBefore()
			if err != nil {
				t.Fatal(err)
			}
			if file := b.Files[path]; file.Managed != test.managed || file.Keys[runscItem].Managed != test.managed || file.Text != "{}" {
				t.Errorf("got %+v, want managed %v, and the same text", file, test.managed)
			}
			if _, found, err := h.State().ReadJournal(); err != nil || found {
				t.Errorf("got a journal %v (%v), want it closed", found, err)
			}
		})
	}
}
