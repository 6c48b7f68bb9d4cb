package state

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestIndexes(t *testing.T) {
	d := Dir(t.TempDir())
	if all, err := d.Indexes(); err != nil || all != nil {
		t.Errorf("none: got %v, %v", all, err)
	}
	first := Index{Date: time.Date(2026, 11, 14, 12, 0, 0, 0, time.UTC), Version: "20260914.0"}
	second := Index{Date: first.Date.Add(time.Hour), Version: "20260921.0"}
	for _, note := range []struct {
		url  string
		seen Index
	}{{"a", first}, {"b", first}, {"a", second}, {"b", first}} {
		if err := d.NoteIndex(note.url, note.seen); err != nil {
			t.Fatal(err)
		}
	}
	all, err := d.Indexes()
	if err != nil || len(all) != 2 || !all["a"].Date.Equal(second.Date) || all["a"].Version != second.Version || all["b"].Version != first.Version {
		t.Errorf("got %v, %v", all, err)
	}
	if defects := d.Defects(); len(defects) > 0 {
		t.Errorf("got defects %v", defects)
	}
	for i := range maxSeenCount {
		if err := d.NoteIndex(fmt.Sprint(i), Index{Date: second.Date.AddDate(0, 0, i), Version: "20260914.0"}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := d.Indexes(); err != nil || len(all) != maxSeenCount || all["b"].Version != "" || all["99"].Version == "" {
		t.Errorf("many: got %d of them, %v, want the newest", len(all), err)
	}
	for name, text := range map[string]string{"damaged": "{", "of another version": `{"schema_version":2}`} {
		if err := os.WriteFile(d.indexesPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := d.Indexes(); err == nil {
			t.Errorf("%s: got %v", name, all)
		}
		if err := d.NoteIndex("a", first); err == nil {
			t.Errorf("%s: it was replaced", name)
		}
		if defects := d.Defects(); len(defects) != 1 {
			t.Errorf("%s: got defects %v, want one, so that the next run moves it away", name, defects)
		}
	}
}

func TestArchiveKey(t *testing.T) {
	d := Dir(t.TempDir())
	if key, err := d.ArchiveKey(); err != nil || key != nil {
		t.Errorf("none: got %q, %v", key, err)
	}
	if err := d.KeepArchiveKey([]byte("key")); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(d.archiveKeyPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.KeepArchiveKey([]byte("key")); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(d.archiveKeyPath()); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same key was written again (%v)", err)
	}
	if key, err := d.ArchiveKey(); err != nil || string(key) != "key" {
		t.Errorf("got %q, %v", key, err)
	}
}
