package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

func TestFault_X01_AnOpenJournalIsSeen(t *testing.T) {
	started := time.Unix(1_800_000_000, 0).UTC()
	whole := func(d Dir) error {
		j := Journal{SchemaVersion: JournalSchema, Started: started}
		j.File.Path = "/etc/docker/daemon.json"
		return d.Journal().Write(j)
	}
	text := func(text string) func(Dir) error {
		return func(d Dir) error { return os.WriteFile(d.Journal().Path(), []byte(text), 0o600) }
	}
	for _, test := range []struct {
		name  string
		write func(Dir) error
		want  JournalState // "" is no journal
	}{
		{name: "none", write: func(Dir) error { return nil }},
		{name: "whole", write: whole, want: JournalUnfinished},
		{name: "empty", write: text(""), want: JournalUnreadable},
		{name: "half", write: text(`{"schema_version": 1, "sta`), want: JournalUnreadable},
		{name: "of an older schema", write: text(`{"schema_version": 0}`), want: JournalUnreadable},
		{name: "of a newer schema", write: text(`{"schema_version": 2, "pid": []}`), want: JournalNewer},
		{name: "a directory", write: func(d Dir) error { return os.Mkdir(d.Journal().Path(), 0o700) }, want: JournalUnreadable},
		{name: "a FIFO", write: func(d Dir) error { return unix.Mkfifo(d.Journal().Path(), 0o600) }, want: JournalUnreadable},
		{name: "a link to itself", write: func(d Dir) error { return os.Symlink("journal.json", d.Journal().Path()) }, want: JournalUnreadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Dir(t.TempDir())
			if err := test.write(d); err != nil {
				t.Fatal(err)
			}
			check := func(when string, want JournalState) {
				t.Helper()
				got := d.Journal().Open()
				switch {
				case got == nil || want == "":
					if got != nil || want != "" {
						t.Errorf("%s: got %+v, want state %q", when, got, want)
					}
				case got.State != want || got.Path != d.Journal().Path():
					t.Errorf("%s: got %+v, want %s at %s", when, got, want, d.Journal().Path())
				case test.want == JournalUnfinished && (!got.Started.Equal(started) || got.File != "/etc/docker/daemon.json" || got.Err != nil):
					t.Errorf("%s: got %+v, want its start and its file", when, got)
				}
			}
			check("there never was a lock", test.want)
			unlock, err := d.Lock(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			running := test.want
			if running != "" {
				running = JournalRunning
			}
			check("a run holds the lock", running)
			if err := unlock(); err != nil {
				t.Fatal(err)
			}
			check("the run has ended", test.want)
			if unlock, err = d.Lock(t.Context(), 0); err != nil {
				t.Fatalf("got %v, want the lock free after a look", err)
			}
			_ = unlock()
		})
	}
}

func TestFault_X11_AnOpenJournalBesideALockThatIsNoFile(t *testing.T) {
	for name, occupy := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		d := Dir(t.TempDir())
		err := errors.Join(d.Journal().Write(Journal{SchemaVersion: JournalSchema}), occupy(filepath.Join(string(d), "lock")))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Journal().Open(); got == nil || got.State != JournalUnfinished {
			t.Errorf("%s: got %+v, want the journal seen", name, got)
		}
	}
}

func TestFault_X11_AStateDirectoryThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := durable.WriteFile(path, nil, durable.Plain(0o600)); err != nil {
		t.Fatal(err)
	}
	if got := Dir(path).Journal().Open(); got == nil || got.State != JournalUnreadable {
		t.Errorf("got %+v, want it unreadable", got)
	}
}
