package lab

import (
	"crypto/sha512"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReleases_MatchTheBucket checks the whole cached tree.
func TestReleases_MatchTheBucket(t *testing.T) {
	h := ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary}) // makes the tree, if the lab is on
	bundles := []string{"gvisor.tar.bz2", "gvisor.tar.bz2.sha512", "gvisor.tar.zstd", "gvisor.tar.zstd.sha512"}
	looseFiles := []string{"containerd-shim-runsc-v1", "containerd-shim-runsc-v1.sha512", "runsc", "runsc.sha512"}
	for path, want := range map[string][]string{
		"release/latest":     bundles,
		"release/20260914":   bundles,
		"release/20260914.0": bundles,
		"release/20260907.0": bundles,
		"nightly/2026-09-15": bundles,
		"nightly/latest":     bundles,
		"release/20260831.0": bundles[:2],
		"release/20260817.0": looseFiles,
		"release/20240729.0": looseFiles[2:],
		"release/20260810.0": append(slices.Clone(looseFiles[:2]), append(slices.Clone(bundles[:2]), looseFiles[2:]...)...),
		"release/20260921.0": bundles[2:],

		"next/release/latest":         bundles[2:],
		"next/release/" + NextRelease: bundles[2:],
	} {
		dir := filepath.Join(h.tree, path, Arch())
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
		for _, name := range got {
			if base, is := strings.CutSuffix(name, ".sha512"); is {
				checkSum(t, filepath.Join(dir, base))
			}
		}
	}
	const members = "runsc\ncontainerd-shim-runsc-v1\ngvisor-bin/gvisor_sentry\n"
	for path, want := range map[string]string{
		"release/latest": members, "next/release/latest": members,
		"release/20260921.0": members + "gvisor-bin/gvisor-sentry-prewarmer\ngvisor-bin/checkpointgofer\ngvisor-bin/runsc-metric-server\ngvisor-bin/runsc-fd-parking\n",
	} {
		out, err := exec.CommandContext(t.Context(), "tar", "--zstd", "-tf", filepath.Join(h.tree, path, Arch(), "gvisor.tar.zstd")).Output()
		if err != nil || string(out) != want {
			t.Errorf("bundle of %s: got %q (%v), want %q", path, out, err, want)
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(h.tree, "release/20240729.0", Arch(), "runsc"), "--version").Output()
	if want := "runsc version 0.0~20240729.0\n"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("Debian's runsc: got %q (%v), want %q", out, err, want)
	}
}

func checkSum(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path + ".sha512")
	if want := fmt.Sprintf("%x  %s\n", sha512.Sum512(content), filepath.Base(path)); string(got) != want {
		t.Errorf("%s: got %q (%v), want %q", path, got, err, want)
	}
}
