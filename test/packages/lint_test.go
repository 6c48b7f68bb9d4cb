package packages

import (
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackages_LintianFindsNoError(t *testing.T) {
	needPrograms(t, "lintian")
	out := output(t, "lintian", "--allow-root", "--fail-on", "none", One(t, built(t), "*_amd64.deb"))
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "W:") {
			t.Error(line)
		}
	}
}

func TestPackages_RpmlintFindsNoError(t *testing.T) {
	needPrograms(t, "rpmlint")
	out := output(t, "rpmlint", "--config", filepath.Join(Root(t), "packaging/rpmlint.toml"), One(t, built(t), "*.x86_64.rpm"))
	if !strings.Contains(out, " 0 errors,") {
		t.Error(out)
	}
}

func TestScripts_ShellcheckFindsNothing(t *testing.T) {
	needPrograms(t, "shellcheck")
	root := Root(t)
	var scripts []string
	for _, pattern := range []string{"packaging/*.sh", "packaging/scripts/*.sh", "scripts/version.sh"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: got %v, %v", pattern, found, err)
		}
		scripts = append(scripts, found...)
	}
	output(t, "shellcheck", scripts...)
}

// The scripts of the packages start, stop and restart the service. They ask Docker, but never
// change anything of it.
func TestScripts_NeverTouchDocker(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(Root(t), "packaging/scripts/*.sh"))
	if err != nil || len(scripts) != 3 {
		t.Fatalf("got %v, %v", scripts, err)
	}
	for _, script := range scripts {
		for _, line := range strings.Split(read(t, script), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, act := range []string{
				"restart docker", "reload docker", "stop docker", "start docker", "docker rm", ">/etc", "> /etc", "/etc/sub",
			} {
				if strings.Contains(line, act) {
					t.Errorf("%s: %s", script, line)
				}
			}
			if strings.Contains(line, "docker ") && strings.Contains(line, "systemctl") {
				t.Errorf("%s: %s", script, line)
			}
		}
	}
}

// manPages are the packed pages of the deb, by name.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	dir := unpacked(t, One(t, built(t), "*_amd64.deb"))
	found, err := filepath.Glob(filepath.Join(dir, "usr/share/man/man*/*.gz"))
	if err != nil || len(found) != 3 {
		t.Fatalf("got %v, %v, want three pages", found, err)
	}
	pages := map[string]string{}
	for _, path := range found {
		packed, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		r, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".gz")
		plain := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(plain, text, 0o644); err != nil {
			t.Fatal(err)
		}
		pages[name] = plain
	}
	return pages
}

func TestManPages_ManRendersThemWithoutWarnings(t *testing.T) {
	needPrograms(t, "man", "mandoc")
	for name, path := range manPages(t) {
		man := exec.CommandContext(t.Context(), "man", "--warnings", "-l", path)
		man.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MANROFFSEQ=", "GROFF_NO_SGR=1")
		var stdout, stderr strings.Builder
		man.Stdout, man.Stderr = &stdout, &stderr
		if err := man.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s", name, err, stderr.String())
		}
		if !strings.Contains(stdout.String(), "SEE ALSO") {
			t.Errorf("%s: got\n%s", name, stdout.String())
		}
		output(t, "mandoc", "-Tlint", "-Wwarning", path)
	}
}
