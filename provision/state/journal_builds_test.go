package state

import (
	"errors"
	"testing"
)

// A journal that names no file of builds, or a path with detours, is not followed.
func TestFault_X01_AJournalOfBuildsIsChecked(t *testing.T) {
	text := "text"
	good := &JournalText{Path: "/etc/drop-in.conf", After: &text}
	for _, test := range []struct {
		name   string
		builds *JournalBuilds
		ok     bool
	}{
		{"none", nil, true},
		{"the drop-in", &JournalBuilds{DropIn: good}, true},
		{"both", &JournalBuilds{DropIn: good, Program: good}, true},
		{"no file", &JournalBuilds{Uses: true}, false},
		{"a relative path", &JournalBuilds{DropIn: &JournalText{Path: "etc/x"}}, false},
		{"a detour", &JournalBuilds{DropIn: good, Program: &JournalText{Path: "/etc/../x"}}, false},
	} {
		dir := Dir(t.TempDir())
		j := Journal{SchemaVersion: JournalSchema, Builds: test.builds}
		j.File.Path, j.File.Target = "/etc/docker/daemon.json", "/etc/docker/daemon.json"
		if err := dir.Journal().Write(j); err != nil {
			t.Fatal(err)
		}
		_, found, err := dir.Journal().Read()
		if !found || (err == nil) != test.ok || err != nil && !errors.Is(err, ErrJournalUnreadable) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}
