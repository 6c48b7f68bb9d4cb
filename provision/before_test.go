package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

const runscItem = "runtimes.runsc"

// recordHost is a host whose state directory is still missing.
func recordHost(t *testing.T) *Provisioner {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	return &Provisioner{Host: host.Host{Paths: host.Paths{State: at("state"), Config: at("etc"), Store: at("store"), Link: at("runsc")}}}
}

func TestBefore_DamagedOrNewerIsRefusedAndStays(t *testing.T) {
	pr := recordHost(t)
	if err := os.MkdirAll(pr.Paths.State, 0o700); err != nil {
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
		"an invalid text":     strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"text":"{"}}`, 1),
		"an invalid value":    strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"keys":{"default-runtime":{"present":true,"value":"\"a"}}}}`, 1),
		"absent with a value": strings.Replace(whole, `"daemon_json":{}`, `"daemon_json":{"/d":{"keys":{"default-runtime":{"value":"1"}}}}`, 1),
	} {
		if err := os.WriteFile(pr.State().BeforePath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := pr.State().ReadBefore()
		var refusal *blocked.Refused
		if !errors.As(err, &refusal) || refusal.Object != pr.State().BeforePath() {
			t.Errorf("%s: got %v, want %s refused", name, err, pr.State().BeforePath())
		}
		if now, _ := os.ReadFile(pr.State().BeforePath()); string(now) != text {
			t.Errorf("%s: got it replaced by %s", name, now)
		}
	}
	if err := os.WriteFile(pr.State().BeforePath(), []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := pr.State().ReadBefore(); err != nil {
		t.Errorf("a whole one: got %v, want it read", err)
	}
}

// After a kill or an error, daemon.json at the end of the transaction shows whether it may
// contain a text of ours.
func TestBefore_IsSettledAtTheEndOfATransaction(t *testing.T) {
	ours := seen.Registered(seen.Newer)
	for _, test := range []struct {
		name    string
		now     string
		later   []string
		managed bool
	}{
		{"killed before the first write", "{}", []string{durable.Digest([]byte(ours))}, false},
		{"killed after the first write", ours, []string{durable.Digest([]byte(ours))}, true},
		{"killed, and another program has written since", seen.Registered(seen.Newer, `"debug":true`), []string{durable.Digest([]byte(ours))}, true},
		{"the plan writes nothing", seen.Registered(seen.Newer, `"debug":true`), nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr := recordHost(t)
			path := filepath.Join(t.TempDir(), "daemon.json")
			if err := errors.Join(os.MkdirAll(pr.Paths.State, 0o700), os.WriteFile(path, []byte(test.now), 0o600)); err != nil {
				t.Fatal(err)
			}
			b := (*state.Before)(nil).Clone()
			b.Files[path] = state.BeforeFile{Exists: true, Text: "{}", Keys: map[string]state.BeforeKey{runscItem: {}}}
			j := state.Journal{SchemaVersion: state.JournalSchema, File: state.JournalFile{Place: daemonfile.Place{Path: path, Target: path}, OldDigest: durable.Digest([]byte("{}")), NewDigests: test.later}}
			if err := errors.Join(pr.State().WriteBefore(b), pr.State().WriteJournal(j), pr.State().FinishJournal()); err != nil {
				t.Fatal(err)
			}
			b, _, err := pr.State().ReadBefore()
			if err != nil {
				t.Fatal(err)
			}
			if file := b.Files[path]; file.Managed != test.managed || file.Keys[runscItem].Managed != test.managed || file.Text != "{}" {
				t.Errorf("got %+v, want managed %v, and the same text", file, test.managed)
			}
			if _, found, err := pr.State().ReadJournal(); err != nil || found {
				t.Errorf("got a journal %v (%v), want it closed", found, err)
			}
		})
	}
}
