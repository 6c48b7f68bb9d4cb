package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/aptrepo"
	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/need"
	"runsc-provisioner/test/releases"
)

// A server that offers an older release under the same name may be an attacker with an old copy.
func TestFault_D17_LatestServesAnOlderRelease(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	h.want(exitDone, "apply", "--default-runtime")
	h.bucket.publish(t, "latest", packed(t, older))
	h.refuses(exitRefusedData, []string{older, newer, "--allow-downgrade"}, "apply", "--upgrade")
	h.want(exitDone, "apply", "--upgrade", "--allow-downgrade")
	h.runs("allowed", older)
	h.want(exitDone, "apply")
	h.runs("again", older)
}

// signedHost is a host that trusts a key made for the run, and a repository with both releases.
func signedHost(t *testing.T) (*fakeHost, *aptrepo.Repo) {
	t.Helper()
	need.Root(t)
	h := freshHost(t, "{\n\t\"log-driver\": \"local\"\n}")
	repo := &aptrepo.Repo{Dir: h.bucket.dir, Arch: map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[release.Arch()], Keys: inrelease.NewKeys(t, time.Now())}
	for _, version := range []string{older, newer} {
		var files []aptrepo.File
		for _, m := range validMembers(fakeProgram(t, version)) {
			files = append(files, aptrepo.File{Name: "usr/bin/" + m.Name, Mode: m.Mode, Text: m.content})
		}
		repo.Add(t, version, aptrepo.Deb(t, version, repo.Arch, files))
	}
	repo.Publish(t, "release", time.Now().Add(-time.Hour), older, newer)
	repo.Publish(t, older[:8], time.Now().Add(-time.Hour), older)
	if err := os.WriteFile(filepath.Join(h.bucket.dir, "archive.key"), inrelease.ArmoredKeys(repo.Keys.Keyring(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	h.trust(repo.Keys.Pinned()...)
	return h, repo
}

// trust pins keys.
func (h *fakeHost) trust(fingerprints ...string) {
	h.write("etc/runsc-provisioner/config.d/20-trust.toml", fmt.Sprintf("[release]\ntrust = \"signed\"\nkey_fingerprints = [%q]\nkey_url = %q\n",
		strings.Join(fingerprints, `", "`), releases.URL(origin, "")+"/archive.key"))
}

func TestApply_InstallsASignedRelease(t *testing.T) {
	t.Parallel()
	h, _ := signedHost(t)
	h.want(exitDone, "apply", "--default-runtime")
	if text := h.read("usr/local/lib/gvisor/" + newer + "/manifest.json"); !strings.Contains(text, `"trust": "signed"`) || !strings.Contains(text, `"signer"`) {
		t.Errorf("got the manifest %s", text)
	}
	before := h.bucket.requestCount("archive.key")
	h.want(exitDone, "apply", "--upgrade")
	if got := h.bucket.requestCount("archive.key"); got != before || got != 1 {
		t.Errorf("the key was fetched %d times, want once", got)
	}
	if got := h.bucket.requestCount("runsc.deb"); got != 1 {
		t.Errorf("the package was fetched %d times, want once", got)
	}
}

// What a host has seen stays known when its releases are gone.
func TestFault_S05_AnOldIndexIsSeenByALaterRun(t *testing.T) {
	t.Parallel()
	h, repo := signedHost(t)
	h.want(exitDone, "apply", "--default-runtime")
	repo.Publish(t, "release", time.Now().Add(-2*time.Hour), older, newer)
	h.refuses(exitRefusedData, []string{"--allow-downgrade"}, "apply", "--upgrade")
	repo.Publish(t, "release", time.Now().Add(-time.Minute), older)
	h.refuses(exitRefusedData, []string{newer, "--allow-downgrade"}, "apply", "--upgrade")
}

func TestConfigCheck_ReadsTheKeyring(t *testing.T) {
	h := freshHost(t, "{}")
	h.write("etc/runsc-provisioner/config.d/90-keys.toml", "[release]\ntrust = \"signed\"\nkeyring = \"/none/keys\"\n")
	h.refuses(exitRefused, []string{"/90-keys.toml", "release.keyring", "/none/keys"}, "config", "check")
}

func TestFault_S01_AnotherKeyIsRefusedWithBothFingerprints(t *testing.T) {
	t.Parallel()
	h, repo := signedHost(t)
	h.want(exitDone, "apply", "--default-runtime", "--release="+older)
	const pinned = "6F1DF85E3A71C24918E727D56FC6D554E32BD943"
	h.trust(pinned)
	found := repo.Keys.Pinned()[0]
	h.refuses(exitRefusedData, []string{pinned[:4] + " " + pinned[4:8], found[:4] + " " + found[4:8]}, "apply", "--default-runtime", "--release=latest", "--upgrade")
}

// What lock prints is a configuration that accepts this release alone.
func TestLock_PinsTheInstalledRelease(t *testing.T) {
	t.Parallel()
	h, repo := signedHost(t)
	h.want(exitFailed, "lock")
	h.want(exitDone, "apply", "--default-runtime")
	pin := h.want(exitDone, "lock").stdout
	for _, want := range []string{"version = '" + newer + "'", "trust = 'signed'", "'runsc.deb' = '", repo.Keys.Pinned()[0][:4]} {
		if !strings.Contains(pin, want) {
			t.Errorf("got %s, want it to have %s", pin, want)
		}
	}
	h.write("etc/runsc-provisioner/config.d/40-pin.toml", pin)
	h.want(exitDone, "config", "check")
	if got := h.want(exitDone, "apply"); !strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("got %v, want nothing to do", got)
	}
	// On another host, a server offers something else under the same name.
	other, otherRepo := signedHost(t)
	other.write("etc/runsc-provisioner/config.d/40-pin.toml", pin)
	var files []aptrepo.File
	for _, m := range append(validMembers(fakeProgram(t, newer)), program("more", []byte("x"))) {
		files = append(files, aptrepo.File{Name: "usr/bin/" + m.Name, Mode: m.Mode, Text: m.content})
	}
	changed := &aptrepo.Repo{Dir: otherRepo.Dir, Arch: otherRepo.Arch, Keys: otherRepo.Keys}
	changed.Add(t, newer, aptrepo.Deb(t, newer, changed.Arch, files))
	changed.Publish(t, newer[:8], time.Now(), newer)
	if got := other.want(exitRefusedData, "apply"); !strings.Contains(got.stderr, "pinned") {
		t.Errorf("got %v, want the pin", got)
	}
}
