package state

import (
	"errors"
	"os"
	"testing"

	"runsc-provisioner/provision/blocked"
)

// A journal of a newer schema is refused: only the newer version knows what it began. There
// never was an older schema, so one counts as unreadable.
func TestFault_X01_AJournalOfAnotherSchemaIsNotRead(t *testing.T) {
	for _, test := range []struct {
		name, text string
		refused    bool
		unreadable bool
	}{
		{name: "this schema", text: `{"schema_version": 1, "restarting": true}`},
		{name: "the next schema, which this version could decode", text: `{"schema_version": 2, "restarting": true}`, refused: true},
		{name: "the next schema, with another type", text: `{"schema_version": 2, "restarting": "now"}`, refused: true},
		{name: "a far newer schema", text: `{"schema_version": 1000}`, refused: true},
		{name: "schema 0", text: `{"schema_version": 0, "restarting": true}`, unreadable: true},
		{name: "no schema", text: `{"restarting": true}`, unreadable: true},
		{name: "a negative schema", text: `{"schema_version": -1, "restarting": true}`, unreadable: true},
		{name: "this schema, with another type", text: `{"schema_version": 1, "restarting": "now"}`, unreadable: true},
		{name: "the next schema, cut short", text: `{"schema_version": 2, "restarting": tr`, unreadable: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Dir(t.TempDir())
			if err := os.WriteFile(d.Journal().Path(), []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			j, found, err := d.Journal().Read()
			var refusal *blocked.Refused
			refused, unreadable := errors.As(err, &refusal), errors.Is(err, ErrJournalUnreadable)
			if refused != test.refused || unreadable != test.unreadable || !found {
				t.Errorf("got error %v, found %t, want refused %t, unreadable %t, and found", err, found, test.refused, test.unreadable)
			}
			if refused && refusal.Object != d.Journal().Path() {
				t.Errorf("got a refusal of %s, want one of %s", refusal.Object, d.Journal().Path())
			}
			if read := !test.refused && !test.unreadable; j.Restarting != read || read != (err == nil) {
				t.Errorf("got restarting %t, error %v, want it read: %t", j.Restarting, err, read)
			}
			if text, err := os.ReadFile(d.Journal().Path()); err != nil || string(text) != test.text {
				t.Errorf("got journal %s, %v, want it unchanged", text, err)
			}
		})
	}
}
