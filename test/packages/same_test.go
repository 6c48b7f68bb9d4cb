package packages

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// copyTree copies this checkout without its history and what was built, as a source archive has it.
func copyTree(t *testing.T, to string) {
	t.Helper()
	root := Root(t)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		target := filepath.Join(to, rel)
		switch {
		case slices.Contains([]string{".git", "bin", "dist"}, rel):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(target, text, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Another directory, umask, time zone and user: nothing of them is in a package.
func TestPackages_TheSameBytesTwice(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "another/directory")
	copyTree(t, root)
	dirs := []string{built(t), Build(t, Options{
		Version: version, Root: root, Shell: "umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8 USER=other LOGNAME=other; " + epoch,
	})}
	first, err := os.ReadDir(dirs[0])
	if err != nil || len(first) != 4 {
		t.Fatalf("got %v, %v, want a deb and an rpm for two architectures", first, err)
	}
	for _, entry := range first {
		a, errA := os.ReadFile(filepath.Join(dirs[0], entry.Name()))
		b, errB := os.ReadFile(filepath.Join(dirs[1], entry.Name()))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v %v", entry.Name(), errA, errB)
		}
		if bytes.Contains(b, []byte(base)) {
			t.Errorf("%s names the directory of the build", entry.Name())
		}
	}
	for _, name := range []string{
		"runsc-provisioner_" + version + "_amd64.deb", "runsc-provisioner_" + version + "_arm64.deb",
		"runsc-provisioner-" + version + "-1.x86_64.rpm", "runsc-provisioner-" + version + "-1.aarch64.rpm",
	} {
		One(t, dirs[0], name)
	}
	program := filepath.Join(unpacked(t, One(t, dirs[0], "*_arm64.deb")), "usr/bin/runsc-provisioner")
	if out, err := exec.CommandContext(t.Context(), "go", "version", "-m", program).CombinedOutput(); err != nil ||
		!bytes.Contains(out, []byte("GOARCH=arm64")) || bytes.Contains(out, []byte(base)) {
		t.Errorf("%v\n%s", err, out)
	}
}
