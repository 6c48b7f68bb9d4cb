package buildkit

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bundle makes a bundle, with a root file system that has the given entries; text is its specification, where ROOT is
// the root file system.
func bundle(t *testing.T, text string) (dir, root string) {
	t.Helper()
	dir = t.TempDir()
	root = filepath.Join(dir, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, specName), []byte(strings.ReplaceAll(text, "ROOT", root)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, root
}

const (
	plainSpec    = `{"root": {"path": "ROOT"}, "linux": {"namespaces": [{"type": "network"}]}}`
	readonlySpec = `{"root": {"path": "ROOT", "readonly": true}, "linux": {"namespaces": [{"type": "network"}]}}`
)

func TestPrepare_MountsTheTmpOfTheImage(t *testing.T) {
	dir, root := bundle(t, plainSpec)
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := prepare(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.madeTmp != nil || s.needs.Network {
		t.Errorf("got %+v, want the image's own /tmp and a network of its own", s)
	}
	text, err := os.ReadFile(filepath.Join(dir, specName))
	if err != nil || !strings.Contains(string(text), `"source":"`+root+`/tmp"`) {
		t.Errorf("got %s, %v, want a mount of %s/tmp", text, err, root)
	}
}

// An image without /tmp does not get one in its layer, unless the step itself puts something there.
func TestPrepare_AnImageWithoutTmp(t *testing.T) {
	for _, used := range []bool{false, true} {
		dir, root := bundle(t, plainSpec)
		s, err := prepare(dir)
		if err != nil || s.madeTmp == nil {
			t.Fatalf("got %+v, %v, want a /tmp that was made", s, err)
		}
		tmp := filepath.Join(root, "tmp")
		if used {
			if err := os.WriteFile(filepath.Join(tmp, "x"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.removeTmp(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(tmp); errors.Is(err, fs.ErrNotExist) == used {
			t.Errorf("used %t: got %v", used, err)
		}
	}
}

func TestPrepare_MakesNoTmpWhereThereMustBeNone(t *testing.T) {
	dir, root := bundle(t, plainSpec)
	if err := os.WriteFile(filepath.Join(root, "tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(dir); err != nil {
		t.Fatalf("a file: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, specName)); err != nil || strings.Contains(string(text), "mounts") {
		t.Errorf("a file: got %s, %v, want no mount", text, err)
	}
	dir, root = bundle(t, readonlySpec)
	if _, err := prepare(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(root, "tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read-only: got %v, want no /tmp", err)
	}
}

// gVisor covers an empty directory that /tmp leads to, and the layer would lack what a step writes there. The link must
// not lead to a directory of the host.
func TestPrepare_ALinkInPlaceOfTmp(t *testing.T) {
	for target, refused := range map[string]bool{"empty": true, "/empty": true, "../../../empty": true, "full": false, "/full": false, "../full": false, "nowhere": true, "/proc": true} {
		dir, root := bundle(t, plainSpec)
		if err := errors.Join(os.Mkdir(filepath.Join(root, "empty"), 0o755), os.MkdirAll(filepath.Join(root, "full/x"), 0o755), os.Symlink(target, filepath.Join(root, "tmp"))); err != nil {
			t.Fatal(err)
		}
		_, err := prepare(dir)
		if (err != nil) != refused {
			t.Errorf("%s: got %v, want it refused: %t", target, err, refused)
		}
		if text, err := os.ReadFile(filepath.Join(dir, specName)); err != nil || strings.Contains(string(text), "mounts") {
			t.Errorf("%s: got %s, %v, want no mount", target, text, err)
		}
	}
}

func TestPrepare_Refuses(t *testing.T) {
	for name, text := range map[string]string{
		"insecure":            `{"root": {"path": "ROOT"}, "process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}}}`,
		"no specification":    `{`,
		"a namespace is gone": `{"root": {"path": "ROOT"}, "linux": {"namespaces": [{"type": "network", "path": "/nowhere"}]}}`,
	} {
		dir, root := bundle(t, text)
		if _, err := prepare(dir); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if _, err := os.Lstat(filepath.Join(root, "tmp")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want nothing made", name, err)
		}
	}
}

func TestPrepare_TellsTheHostsNetwork(t *testing.T) {
	for path, want := range map[string]bool{"/proc/self/ns/net": true, "/proc/self/ns/mnt": false} {
		dir, _ := bundle(t, `{"root": {"path": "ROOT"}, "linux": {"namespaces": [{"type": "network", "path": "`+path+`"}]}}`)
		if s, err := prepare(dir); err != nil || s.needs.Network != want {
			t.Errorf("%s: got %t, %v, want %t", path, s.needs.Network, err, want)
		}
	}
}

// BuildKit mounts the socket of an ssh agent. A directory with sockets is not one: cache mounts have what steps left there.
func TestPrepare_TellsAMountedSocket(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for source, want := range map[string]bool{filepath.Join(dir, "socket"): true, dir: false, filepath.Join(dir, "none"): false, "tmpfs": false} {
		bundle, _ := bundle(t, `{"root": {"path": "ROOT"}, "mounts": [{"destination": "/ssh", "source": "`+source+`"}]}`)
		if s, err := prepare(bundle); err != nil || s.needs.Socket != want {
			t.Errorf("%s: got %t, %v, want %t", source, s.needs.Socket, err, want)
		}
	}
}

func TestWait_GivesTheExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137} {
		if code, err := wait([]string{"/bin/sh", "-c", script}); err != nil || code != want {
			t.Errorf("%s: got %d, %v, want %d", script, code, err, want)
		}
	}
	if _, err := wait([]string{"/nowhere/runsc"}); err == nil {
		t.Error("got no error for a missing program")
	}
}
