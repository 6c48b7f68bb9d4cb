package daemonjson

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runPatch applies diff to before with GNU patch and returns the result and what patch said.
func runPatch(t *testing.T, before, diff string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "etc/docker/daemon.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if before != "" {
		if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("patch", "--batch", "--forward", "--fuzz=0", "-p1", "-d", dir)
	cmd.Stdin = strings.NewReader(diff)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("patch: %v: %s", err, said)
	}
	if strings.Contains(string(said), "offset") {
		t.Errorf("patch had to look for the place: %s", said)
	}
	after, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(after), err
}

func needPatch(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("patch"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("GNU patch is missing (make test installs it): %v", err)
	}
}

func TestPatchTakesTheDiffOfRealFiles(t *testing.T) {
	needPatch(t)
	patched := 0
	for _, text := range append(hosts(), "") {
		for _, before := range []string{text, strings.TrimSuffix(text, "\n")} {
			after := edit(t, before, everything())
			diff := Diff("/etc/docker/daemon.json", []byte(before), []byte(after))
			if strings.HasPrefix(diff, "#") {
				continue
			}
			patched++
			if got, err := runPatch(t, before, diff); err != nil || got != after {
				t.Errorf("diff:\n%s\n got %q, %v\nwant %q", diff, got, err, after)
			}
		}
	}
	if patched < 2*len(hosts()) {
		t.Errorf("%d diffs were patches, want %d at least", patched, 2*len(hosts()))
	}
}

func TestPatchTakesTheDiffWithASecretOnAnyLineAroundTheChanges(t *testing.T) {
	needPatch(t)
	lines := []string{"{"}
	for _, key := range strings.Split("abcdefghijklmnop", "") {
		lines = append(lines, `  "`+key+`": true,`)
	}
	lines = append(lines, `  "runtimes": {}`, "}", "")
	lines[9], lines[13] = `  "default-runtime": "nvidia",`, `  "userns-remap": "x",`
	for i := 1; i < 17; i++ {
		if i == 9 || i == 13 {
			continue
		}
		secret := slices.Clone(lines)
		secret[i] = `  "token": "hunter2",`
		for _, eol := range []string{"\n", "\r\n"} {
			before := strings.Join(secret, eol)
			after := edit(t, before, everything())
			diff := Diff("/etc/docker/daemon.json", []byte(before), []byte(after))
			if strings.Contains(diff, "token") {
				t.Errorf("line %d: the secret's line is in the diff:\n%s", i+1, diff)
			}
			if got, err := runPatch(t, before, diff); err != nil || got != after {
				t.Errorf("line %d, diff:\n%s\n got %q, %v\nwant %q", i+1, diff, got, err, after)
			}
		}
	}
}

func TestPatchDoesNotTakeADiffForReadingOnly(t *testing.T) {
	needPatch(t)
	before := "{\n  \"a\": true\n}\n"
	after := edit(t, before, register("--token=hunter2"))
	diff := Diff("/etc/docker/daemon.json", []byte(before), []byte(after))
	if !strings.HasPrefix(diff, "# for reading only") {
		t.Fatalf("got a patch:\n%s", diff)
	}
	if got, err := runPatch(t, before, diff); err == nil || got != before {
		t.Errorf("got %q, %v; want a refusal and %q", got, err, before)
	}
}

func TestPatchTakesTheDiffOfAnyLayout(t *testing.T) {
	needPatch(t)
	patched := 0
	for seed := range uint64(300) {
		a := newAuthor(seed)
		before := a.document()
		after := edit(t, before, a.want())
		diff := Diff("/etc/docker/daemon.json", []byte(before), []byte(after))
		if diff == "" || strings.HasPrefix(diff, "#") {
			continue
		}
		patched++
		if got, err := runPatch(t, before, diff); err != nil || got != after {
			t.Errorf("seed %d, diff:\n%s\n got %q, %v\nwant %q", seed, diff, got, err, after)
		}
	}
	if patched < 100 {
		t.Errorf("%d diffs were patches, want 100 at least", patched)
	}
}
