package state

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
)

func TestBefore_DamagedOrNewerIsRefusedAndStays(t *testing.T) {
	d := Dir(t.TempDir())
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
		if err := os.WriteFile(d.Before().Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := d.Before().Read()
		var refusal *blocked.Refused
		if !errors.As(err, &refusal) || refusal.Object != d.Before().Path() {
			t.Errorf("%s: got %v, want %s refused", name, err, d.Before().Path())
		}
		if now, _ := os.ReadFile(d.Before().Path()); string(now) != text {
			t.Errorf("%s: got it replaced by %s", name, now)
		}
	}
	if err := os.WriteFile(d.Before().Path(), []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Before().Read(); err != nil {
		t.Errorf("a whole one: got %v, want it read", err)
	}
}

// After a kill or an error, daemon.json at the end of the transaction shows whether it may
// contain a text of ours.
func TestBefore_IsSettledAtTheEndOfATransaction(t *testing.T) {
	item := config.RuntimeItem("runsc")
	ours := `{"runtimes":{"runsc":{"path":"/gv/runsc"}}}`
	for _, test := range []struct {
		name    string
		now     string
		later   []string
		managed bool
	}{
		{"killed before the first write", "{}", []string{durable.Digest([]byte(ours))}, false},
		{"killed after the first write", ours, []string{durable.Digest([]byte(ours))}, true},
		{"killed, and another program has written since", `{"runtimes":{"runsc":{"path":"/gv/runsc"}},"debug":true}`, []string{durable.Digest([]byte(ours))}, true},
		{"the plan writes nothing", `{"runtimes":{"runsc":{"path":"/gv/runsc"}},"debug":true}`, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Dir(t.TempDir())
			path := filepath.Join(t.TempDir(), "daemon.json")
			if err := os.WriteFile(path, []byte(test.now), 0o600); err != nil {
				t.Fatal(err)
			}
			b := (*Before)(nil).Clone()
			b.Files[path] = BeforeFile{Exists: true, Text: "{}", Keys: map[string]BeforeKey{item: {}}}
			j := Journal{SchemaVersion: JournalSchema, File: JournalFile{Place: daemonfile.Place{Path: path, Target: path}, OldDigest: durable.Digest([]byte("{}")), NewDigests: test.later}}
			if err := errors.Join(d.Before().Write(b), d.Journal().Write(j), d.Journal().Finish()); err != nil {
				t.Fatal(err)
			}
			b, _, err := d.Before().Read()
			if err != nil {
				t.Fatal(err)
			}
			if file := b.Files[path]; file.Managed != test.managed || file.Keys[item].Managed != test.managed || file.Text != "{}" {
				t.Errorf("got %+v, want managed %v, and the same text", file, test.managed)
			}
			if _, found, err := d.Journal().Read(); err != nil || found {
				t.Errorf("got a journal %v (%v), want it closed", found, err)
			}
		})
	}
}
