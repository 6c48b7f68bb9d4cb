package state

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/test/need"
)

// kinds are what can be in place of a file. Each makes path, which does not exist.
var kinds = map[string]func(path string) error{
	"a FIFO":               func(p string) error { return unix.Mkfifo(p, 0o600) },
	"a directory":          func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
	"a dangling symlink":   func(p string) error { return os.Symlink("/nowhere/at/all", p) },
	"a symlink to itself":  func(p string) error { return os.Symlink(filepath.Base(p), p) },
	"a symlink to a file":  func(p string) error { return os.Symlink("/etc/passwd", p) },
	"a sparse file of 1 G": func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<30)) },
	"garbage":              func(p string) error { return os.WriteFile(p, []byte("\x00\xff gar bage\n"), 0o600) },
	"a newer version":      func(p string) error { return os.WriteFile(p, []byte(`{"schema_version": 99}`), 0o600) },
}

func TestFault_X11_DamagedRecordsAreSeenAndMovedAway(t *testing.T) {
	for _, f := range ownFiles() {
		for kind, occupy := range kinds {
			odd := kind != "garbage" && kind != "a newer version" && kind != "a sparse file of 1 G"
			isDamage := odd || f.isDir || f.check != nil && !(f.name == madeDirName && kind == "a newer version")
			if f.kept || f.isDir && kind == "a directory" || !isDamage {
				continue
			}
			t.Run(f.name+" is "+kind, func(t *testing.T) {
				d := Dir(t.TempDir())
				path := filepath.Join(string(d), f.name)
				if err := occupy(path); err != nil {
					t.Fatal(err)
				}
				if got := d.Defects(); len(got) != 1 || got[0].Path != path || got[0].Reason == "" {
					t.Fatalf("got %+v, want %s", got, path)
				}
				done := d.Mend()
				if len(done) != 1 || !strings.Contains(done[0], path+unreadSuffix) {
					t.Errorf("got %q, want it moved to %s", done, path+unreadSuffix)
				}
				if got := d.Defects(); got != nil {
					t.Errorf("afterwards: got %+v", got)
				}
				if got := d.Unread(); !slices.Equal(got, []string{path + unreadSuffix}) {
					t.Errorf("got %q moved away", got)
				}
				if got := d.Mend(); got != nil {
					t.Errorf("a second time: got %q", got)
				}
			})
		}
	}
}

// All that a run writes can be written after Mend, whatever was in the way.
func TestFault_X11_EveryRecordCanBeWrittenAgain(t *testing.T) {
	for kind, occupy := range kinds {
		if strings.HasPrefix(kind, "a symlink to a file") {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			d := Dir(t.TempDir())
			for _, f := range ownFiles() {
				if !f.kept {
					if err := occupy(filepath.Join(string(d), f.name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := d.MendLock(); err != nil {
				t.Fatal(err)
			}
			unlock, err := d.Lock(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unlock() }()
			if err := d.Sweep(); err != nil {
				t.Error(err)
			}
			d.Mend()
			key := durable.Digest(nil)
			j := Journal{SchemaVersion: JournalSchema, Started: time.Unix(1_800_000_000, 0).UTC(), File: JournalFile{OldDigest: key, NewDigests: []string{key}}}
			err = errors.Join(d.Proofs().Add(key), d.Failures().Add(key), d.Rejections().Add(key), d.Validations().Add(key),
				d.MadeIDs().Add("account:dockremap"), d.Trials().Add("runsc-provisioner-proof-abc"), d.NoteRestart(time.Now()),
				d.NoteMadeDir(filepath.Join(string(d), "x")), d.WriteLoaded(Loaded{SchemaVersion: LoadedSchema, Invocation: "a", Started: map[string]string{}}),
				d.Journal().Begin(&j, []byte("{}")))
			if err != nil {
				t.Error(err)
			}
			if _, err := d.SetAside(j, errors.New("odd")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFault_X11_TheGoodLinesOfADamagedRecordStay(t *testing.T) {
	d := Dir(t.TempDir())
	if err := os.WriteFile(d.MadeIDs().path, []byte("account:dockremap\n\x00\nsubuid:dockremap:100000:65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Mend()
	if got, want := d.MadeIDs().Keys(), []string{"account:dockremap", "subuid:dockremap:100000:65536"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFault_X17_TheDirectoryIsTakenBack(t *testing.T) {
	need.Root(t)
	const them = 1234
	above := t.TempDir()
	d := Dir(filepath.Join(above, "state"))
	write := func(name string, uid int, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(string(d), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("{}"), 0o600), os.Chmod(path, mode), os.Chown(path, uid, 0)); err != nil {
			t.Fatal(err)
		}
	}
	write(journalName, them, 0o600)
	write("backup/daemon.json-1", them, 0o600)
	write(proofsName, 0, 0o666)
	write(beforeName, 0, 0o600)
	if err := errors.Join(os.Chmod(string(d), 0o777), os.Chown(string(d), them, 0)); err != nil {
		t.Fatal(err)
	}
	var unsafe *durable.UnsafeError
	if err := d.Safe(); !errors.As(err, &unsafe) || unsafe.Path != string(d) {
		t.Errorf("got %v, want %s unsafe", err, d)
	}
	if _, err := d.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Safe(); err != nil {
		t.Errorf("afterwards: got %v", err)
	}
	var moved []string
	for _, path := range d.Untrusted() {
		moved = append(moved, filepath.Base(path))
	}
	if want := []string{"backup.untrusted", "journal.json.untrusted", "proofs.untrusted"}; !slices.Equal(moved, want) {
		t.Errorf("got %q moved away, want %q", moved, want)
	}
	if _, err := os.Stat(d.Before().Path()); err != nil {
		t.Errorf("root's own record: got %v, want it kept", err)
	}
	// A directory above that others may write to cannot be taken back.
	if err := os.Chmod(above, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Seal(t.Context()); !errors.As(err, &unsafe) || unsafe.Path != above {
		t.Errorf("got %v, want %s refused", err, above)
	}
}

// A journal directs what root writes, and where.
func TestFault_X17_AJournalThatThisProgramDidNotWrite(t *testing.T) {
	digest := durable.Digest(nil)
	for situation, change := range map[string]func(*Journal){
		"a copy elsewhere":       func(j *Journal) { j.File.Backup = "../../tmp/daemon.json-20260101T000000.000000000Z" },
		"a copy of another name": func(j *Journal) { j.File.Backup = "evil" },
		"a relative path":        func(j *Journal) { j.File.Target = "x" },
		"a digest that is none":  func(j *Journal) { j.File.OldDigest = "x" },
		"a setuid file":          func(j *Journal) { j.File.Mode = os.ModeSetuid | 0o755 },
		"a release elsewhere":    func(j *Journal) { j.Link.Release = "../evil" },
		"another container":      func(j *Journal) { j.Trial = "web" },
	} {
		d := Dir(t.TempDir())
		j := Journal{SchemaVersion: JournalSchema, File: JournalFile{OldDigest: digest}}
		write := func() {
			if err := d.Journal().Write(j); err != nil {
				t.Fatal(err)
			}
		}
		if write(); true {
			if _, _, err := d.Journal().Read(); err != nil {
				t.Fatal(err)
			}
		}
		change(&j)
		write()
		if _, found, err := d.Journal().Read(); !found || !errors.Is(err, ErrJournalUnreadable) {
			t.Errorf("%s: got %t, %v, want it unreadable", situation, found, err)
		}
	}
	d := Dir(t.TempDir())
	if err := errors.Join(d.Journal().Write(Journal{SchemaVersion: JournalSchema}), os.Chmod(d.Journal().Path(), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Journal().Read(); !errors.Is(err, ErrJournalUnreadable) {
		t.Errorf("another mode: got %v, want it unreadable", err)
	}
	// The way on is to set it aside: `chown root` would have it believed.
	for what, open := range map[string]func() error{
		"another owner":   func() error { return os.Chown(d.Journal().Path(), 65534, -1) },
		"others write it": func() error { return os.Chmod(d.Journal().Path(), 0o666) },
	} {
		if what == "another owner" && os.Geteuid() != 0 {
			continue
		}
		if err := errors.Join(d.Journal().Write(Journal{SchemaVersion: JournalSchema}), open()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Journal().Read(); !errors.Is(err, ErrJournalUnreadable) {
			t.Errorf("%s: got %v, want it unreadable", what, err)
		}
		if err := d.Safe(); err != nil {
			t.Errorf("%s: Safe() = %v, want the run to set it aside", what, err)
		}
	}
}
