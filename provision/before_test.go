package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

const runscItem = "runtimes.runsc"

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
	p, err := plan.New(config.Default(), o, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for range 2 {
		if err := prepare.Record(&h.Host, config.Default(), o, p, plan.Options{}); err != nil {
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
