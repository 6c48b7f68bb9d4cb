package packages

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/need"
)

// installed is a throwaway root in which rpm has installed the package. Its scripts run with a
// shell of busybox, and without systemd.
func installed(t *testing.T) (root string) {
	t.Helper()
	need.Root(t)
	needPrograms(t, "rpm", "busybox")
	root = t.TempDir()
	for _, dir := range []string{"bin", "dev", "var/lib/rpm"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox := strings.TrimSpace(output(t, "sh", "-c", "command -v busybox"))
	output(t, "cp", busybox, filepath.Join(root, "bin/busybox"))
	output(t, "chroot", root, "/bin/busybox", "--install", "/bin")
	// Debian's rpm has no database, and knows no provider of /bin/sh.
	output(t, "rpm", "--root", root, "--nodeps", "--nosignature", "-i", One(t, built(t), "*.x86_64.rpm"))
	return root
}

func TestRpm_InstallsTheFilesOfTheDeb(t *testing.T) {
	root := installed(t)
	deb := unpacked(t, One(t, built(t), "*_amd64.deb"))
	want, got := filesIn(t, deb), map[string]string{}
	for _, path := range strings.Fields(output(t, "rpm", "--root", root, "-ql", "runsc-provisioner")) {
		if info, err := os.Lstat(filepath.Join(root, path)); err != nil {
			t.Error(err)
		} else if info.Mode().IsRegular() {
			got[path] = info.Mode().String() + " " + read(t, root, path)
		}
	}
	delete(want, "/usr/share/lintian/overrides/runsc-provisioner") // for lintian only
	if diff := cmp.Diff(want, got, cmp.Transformer("short", func(s string) string { return s[:min(len(s), 200)] })); diff != "" {
		t.Error(diff)
	}
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s differs", path)
		}
	}
	output(t, "rpm", "--root", root, "--verify", "runsc-provisioner")
	if out := output(t, "chroot", root, "/usr/bin/runsc-provisioner", "version"); !strings.Contains(out, " "+version+" ") {
		t.Errorf("got %s", out)
	}
}

// An rpm has no purge: what users and the program wrote stays.
func TestRpm_RemovalKeepsSettings(t *testing.T) {
	root := installed(t)
	config := filepath.Join(root, "etc/runsc-provisioner/config.toml")
	if err := os.WriteFile(config, []byte("[docker]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/runsc-provisioner.service")
	if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/lib/systemd/system/runsc-provisioner.service", want); err != nil {
		t.Fatal(err)
	}
	output(t, "rpm", "--root", root, "-e", "runsc-provisioner")
	if _, err := os.Lstat(want); !os.IsNotExist(err) {
		t.Errorf("the service is still enabled: %v", err)
	}
	if got := read(t, config+".rpmsave"); got != "[docker]\n" {
		t.Errorf("got %q", got)
	}
	for path := range filesIn(t, filepath.Join(root, "usr")) {
		t.Errorf("%s is still there", path)
	}
}

// filesIn are the regular files below dir: their modes and contents by path.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		files[strings.TrimPrefix(path, dir)] = info.Mode().String() + " " + read(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
