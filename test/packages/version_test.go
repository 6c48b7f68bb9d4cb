package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a throwaway git repository with scripts/version.sh.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T, changelog string) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	r.write("CHANGELOG.md", changelog)
	r.write("scripts/version.sh", read(t, Root(t), "scripts/version.sh"))
	if err := os.Chmod(filepath.Join(r.dir, "scripts/version.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// run runs a shell command in the repository, with a fixed date of commits.
func (r repository) run(command string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "sh", "-ec", command)
	cmd.Dir = r.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1", "TZ=Asia/Tokyo",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
		"GIT_AUTHOR_DATE=1790000000 +0900", "GIT_COMMITTER_DATE=1790000000 +0900",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestVersion_SortsFromCommitToRelease(t *testing.T) {
	r := newRepository(t, "# Changelog\n\n## 1.2.0 (2026-11-30)\n\n## 1.1.0\n")
	if got := r.run("scripts/version.sh"); got != "1.2.0" {
		t.Errorf("a source archive: got %s", got)
	}
	commit := "git add -A && git commit -qm x"
	r.run("git init -q && " + commit)
	hash := r.run("git rev-parse --short=12 HEAD")
	if got, want := r.run("scripts/version.sh"), "1.2.0~git20260921141320."+hash; got != want {
		t.Errorf("no tag: got %s, want %s", got, want)
	}
	versions := []string{r.run("scripts/version.sh")}
	for _, step := range []struct{ command, want string }{
		{"git tag v1.2.0-rc1", "1.2.0~rc1"},
		{"git commit -q --allow-empty -m x", "1.2.0~rc1+1.g"},
		{"git tag v1.2.0", "1.2.0"},
		{"echo x >>CHANGELOG.md", "1.2.0+0.changes"},
		{commit, "1.2.0+1.g"},
		{"touch untracked; echo x >>CHANGELOG.md", "1.2.0+1.g"},
		{"git checkout -q . && git tag v1.2.1", "1.2.1"},
	} {
		got := r.run(step.command + "; scripts/version.sh")
		if begins, isPrefix := strings.CutSuffix(step.want, "g"); got != step.want && (!isPrefix || !strings.HasPrefix(got, begins+"g")) {
			t.Errorf("%s: got %s, want %s", step.command, got, step.want)
		}
		versions = append(versions, got)
	}
	if got := r.run("scripts/version.sh date"); got != "1790000000" {
		t.Errorf("got date %s", got)
	}
	if got := r.run("SOURCE_DATE_EPOCH=7 scripts/version.sh date"); got != "7" {
		t.Errorf("got date %s", got)
	}
	needPrograms(t, "dpkg", "rpm")
	for i, version := range versions[1:] {
		output(t, "dpkg", "--compare-versions", versions[i], "lt", version)
		if got := output(t, "rpm", "--eval", "%{lua:print(rpm.vercmp('"+versions[i]+"', '"+version+"'))}"); got != "-1\n" {
			t.Errorf("rpm: %s is not older than %s: %s", versions[i], version, got)
		}
	}
}

func TestVersion_ChangelogWithoutARelease(t *testing.T) {
	r := newRepository(t, "# Changelog\n\n## Unreleased\n")
	if got := r.run("scripts/version.sh"); got != "0.1.0" {
		t.Errorf("got %s", got)
	}
}
