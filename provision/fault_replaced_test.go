package provision

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFault_R01_ADirectoryThatComesBackIsWaitedFor(t *testing.T) {
	for _, test := range []struct {
		name string
		gone string // what is not there at first
		come func(root string) error
	}{
		{"it is there", "", func(string) error { return nil }},
		{"made", "etc/docker", func(root string) error { return os.Mkdir(filepath.Join(root, "etc/docker"), 0o755) }},
		{"moved there", "etc/docker", func(root string) error {
			return os.Rename(filepath.Join(root, "new/docker"), filepath.Join(root, "etc/docker"))
		}},
		{"moved there with what is above it", "etc", func(root string) error { return os.Rename(filepath.Join(root, "new"), filepath.Join(root, "etc")) }},
		{"made with what is above it", "etc", func(root string) error { return os.MkdirAll(filepath.Join(root, "etc/docker"), 0o755) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"etc/docker", "new/docker"} {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if test.gone != "" {
				if err := os.RemoveAll(filepath.Join(root, test.gone)); err != nil {
					t.Fatal(err)
				}
			}
			type answer struct {
				back bool
				err  error
			}
			answers := make(chan answer)
			go func() {
				back, err := appears(t.Context(), filepath.Join(root, "etc/docker"), time.Hour)
				answers <- answer{back, err}
			}()
			if err := test.come(root); err != nil {
				t.Fatal(err)
			}
			if got := <-answers; !got.back || got.err != nil {
				t.Errorf("got %+v, want it back", got)
			}
		})
	}
}

func TestFault_R01_TheWaitForADirectoryEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docker")
	if back, err := appears(t.Context(), dir, time.Millisecond); back || err != nil {
		t.Errorf("got %v, %v, want the end of the wait", back, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped")
	time.AfterFunc(time.Millisecond, func() { cancel(cause) })
	if back, err := appears(ctx, dir, time.Hour); back || !errors.Is(err, cause) {
		t.Errorf("got %v, %v, want the cause of the context", back, err)
	}
	if back, err := appearsLooking(t.Context(), func() bool { return true }, time.Now()); !back || err != nil {
		t.Errorf("without inotify: got %v, %v", back, err)
	}
	// A host that was never made to be anything does not wait at all.
	h := Host{Paths: Paths{State: t.TempDir()}}
	if back, err := h.awaitDir(ctx, filepath.Join(dir, "daemon.json")); back || err != nil {
		t.Errorf("never provisioned: got %v, %v", back, err)
	}
}

func TestFault_R01_ADirectoryThatIsGoneSinceIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docker")
	path := filepath.Join(dir, "daemon.json")
	for _, existed := range []bool{false, true} {
		file := journalFile{Path: path, Target: path, Existed: existed, Mode: 0o644, UID: -1, GID: -1, inDir: true}
		if err := file.replace(nil, []byte("{}\n")); !errors.Is(err, errStale) {
			t.Errorf("existed %v: got %v, want errStale", existed, err)
		}
		if !dirGone(path) {
			t.Errorf("existed %v: the directory was made", existed)
		}
	}
	file := journalFile{Path: path, Target: path, Mode: 0o644, UID: -1, GID: -1}
	if err := file.replace(nil, []byte("{}\n")); err != nil {
		t.Errorf("missing from the beginning: got %v, want it made", err)
	}
}

func TestFault_R01_ADirectoryThatCameTooLateIsSeen(t *testing.T) {
	root := t.TempDir()
	h := Host{Paths: Paths{State: root}}
	dir := filepath.Join(root, "etc [1]", "docker")
	path := filepath.Join(dir, "daemon.json")
	late := filepath.Join(dir, "docker.new", "daemon.json")
	fill := func() {
		for _, file := range []string{path, late} {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			putText(t, file, "{}")
		}
	}
	fill()
	if got := h.misplaced(path); got != nil {
		t.Errorf("in a directory that is not ours: got %v", got)
	}
	h.noteDir(path)
	if got := h.misplaced(path); len(got) != 1 || got[0] != late {
		t.Errorf("got %v, want %s", got, late)
	}
	// Replaced since, it is somebody else's, whatever is in it.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	fill()
	if got := h.misplaced(path); got != nil {
		t.Errorf("in another directory: got %v", got)
	}
	putText(t, filepath.Join(root, "x"), "{")
	if err := os.Rename(filepath.Join(root, "x"), h.madePath()); err != nil {
		t.Fatal(err)
	}
	if got := h.misplaced(path); got != nil {
		t.Errorf("with a note that is damaged: got %v", got)
	}
}

func putText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
