package daemonfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFault_R01_AwaitSeesADirectoryComeBack(t *testing.T) {
	for _, test := range []struct {
		name string
		gone string // what is missing at first
		come func(root string) error
	}{
		{"never missing", "", func(string) error { return nil }},
		{"made", "etc/docker", func(root string) error { return os.Mkdir(filepath.Join(root, "etc/docker"), 0o755) }},
		{"moved there", "etc/docker", func(root string) error {
			return os.Rename(filepath.Join(root, "new/docker"), filepath.Join(root, "etc/docker"))
		}},
		{"moved there with its parent", "etc", func(root string) error { return os.Rename(filepath.Join(root, "new"), filepath.Join(root, "etc")) }},
		{"made with its parent", "etc", func(root string) error { return os.MkdirAll(filepath.Join(root, "etc/docker"), 0o755) }},
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
				back, err := Await(t.Context(), filepath.Join(root, "etc/docker"), time.Hour)
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

func TestFault_R01_AwaitEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docker")
	if back, err := Await(t.Context(), dir, time.Millisecond); back || err != nil {
		t.Errorf("got %v, %v, want false after the time", back, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped")
	time.AfterFunc(time.Millisecond, func() { cancel(cause) })
	if back, err := Await(ctx, dir, time.Hour); back || !errors.Is(err, cause) {
		t.Errorf("got %v, %v, want the cause of the context", back, err)
	}
	if back, err := poll(t.Context(), func() bool { return true }, time.Now()); !back || err != nil {
		t.Errorf("without inotify: got %v, %v", back, err)
	}
}

func TestFault_R01_ADirectoryThatIsMissingSinceIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docker")
	path := filepath.Join(dir, "daemon.json")
	for _, existed := range []bool{false, true} {
		file := Place{Path: path, Target: path, Existed: existed, Mode: 0o644, UID: -1, GID: -1, DirExisted: true}
		if err := file.Replace(nil, []byte("{}\n")); !errors.Is(err, ErrStale) {
			t.Errorf("existed %v: got %v, want ErrStale", existed, err)
		}
		if !DirMissing(path) {
			t.Errorf("existed %v: the directory was made", existed)
		}
	}
	file := Place{Path: path, Target: path, Mode: 0o644, UID: -1, GID: -1}
	if err := file.Replace(nil, []byte("{}\n")); err != nil {
		t.Errorf("missing from the beginning: got %v, want it made", err)
	}
}

func TestLastChangeCountsTheSymlink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(target, []byte("{}"), 0o644), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
	file, err := Read(path)
	if err != nil || file.Changed.Before(lastChange(target)) || !file.Changed.Equal(lastChange(path, target)) {
		t.Errorf("got %v, %v", file.Changed, err)
	}
}
