package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installWithDNF installs from the dnf repository into an empty root. It refuses one that was changed after it was
// signed.
func installWithDNF(t *testing.T, dist string) {
	dnf := func(published, root string) *exec.Cmd {
		t.Cleanup(func() { // dnf starts an agent, and leaves it
			homes, err := filepath.Glob(filepath.Join(root, "var/cache/dnf/*/pubring"))
			if err != nil || len(homes) != 1 {
				t.Errorf("homes of gpg below %s: %v (%v)", root, homes, err)
			}
			for _, home := range homes {
				endAgent(t, home)
			}
		})
		// The release's own file, with a URL that this machine can reach.
		repo, err := os.ReadFile(filepath.Join(dist, "runsc-provisioner.repo"))
		if err != nil {
			t.Fatal(err)
		}
		repos := t.TempDir()
		write(t, filepath.Join(repos, "r.repo"), strings.ReplaceAll(string(repo), publishedURL, "file://"+published))
		return exec.CommandContext(t.Context(), "dnf", "-q", "-y", "--installroot="+root, "--releasever=1",
			"--setopt=reposdir="+repos, "--setopt=logdir="+t.TempDir(), "install", "runsc-provisioner")
	}
	root := t.TempDir()
	if out, err := dnf(dist, root).CombinedOutput(); err != nil {
		t.Fatalf("dnf install: %v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(root, "usr/bin/runsc-provisioner"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dist, "runsc-provisioner_"+publishedVersion+"_linux_"+arch()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the installed program is not the one of the release (%v)", err)
	}

	changed, empty := t.TempDir(), t.TempDir()
	command(t, nil, "cp", "-r", filepath.Join(dist, "dnf"), filepath.Join(dist, "runsc-provisioner.asc"), changed)
	command(t, nil, "sed", "-i", "s/<revision>/<revision>1/", filepath.Join(changed, "dnf/repodata/repomd.xml"))
	out, err := dnf(changed, empty).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("GPG")) {
		t.Errorf("a changed repository: %v\n%s", err, out)
	}
	if _, err := os.Lstat(filepath.Join(empty, "usr/bin/runsc-provisioner")); !os.IsNotExist(err) {
		t.Errorf("a changed repository was installed from: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
