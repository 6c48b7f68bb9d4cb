package e2e

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/packages"
)

const (
	publishedDir     = "/srv/release"
	publishedURL     = "https://" + lab.ReleaseHost + ":8443/gvisor/releases"
	publishedVersion = "0.1.0~test"
	// publishedEpoch is the time of the commit that is published: long before the key was made.
	publishedEpoch = "1790000000"
)

// releaseOf makes a release of packages in a directory of its own.
func releaseOf(t *testing.T, packages string, env ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dist")
	command(t, nil, "cp", "-r", packages, dir)
	env = append(env, "SOURCE_DATE_EPOCH="+publishedEpoch, "RELEASE_URL="+publishedURL)
	out := command(t, env, "../../scripts/release.sh", dir)
	if signed := !strings.Contains(out, "UNSIGNED"); signed != (len(env) > 2) {
		t.Errorf("signed: %v\n%s", signed, out)
	}
	return dir
}

// filesOf is the content of each file below a directory.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A release is made twice, in two places and with the key from two sources, and is then used by hosts.
func TestPublish(t *testing.T) {
	lab.SkipIfOff(t)
	t.Parallel()
	made := packages.Build(t, packages.Options{Version: publishedVersion})
	earlier := "RELEASE_EARLIER=" + packages.Build(t, packages.Options{Version: "0.0.9", Archs: "amd64"})
	home, fingerprint, key := signingKey(t)
	dist := releaseOf(t, made, earlier, "RELEASE_SIGNING_KEY="+key)
	again := releaseOf(t, made, earlier, "GNUPGHOME="+home, "RELEASE_SIGNING_KEY="+fingerprint)
	unsigned := releaseOf(t, made)

	first, second, plain := filesOf(t, dist), filesOf(t, again), filesOf(t, unsigned)
	for _, name := range slices.Sorted(maps.Keys(first)) {
		if first[name] != second[name] {
			t.Errorf("%s: not the same bytes twice", name)
		}
	}
	if len(second) != len(first) {
		t.Errorf("files of the second release: %v", slices.Sorted(maps.Keys(second)))
	}
	signatures := []string{
		"SHA256SUMS.asc", "apt/dists/stable/InRelease", "apt/dists/stable/Release.gpg", "dnf/repodata/repomd.xml.asc",
		"runsc-provisioner.asc", "runsc-provisioner.repo", "runsc-provisioner.sources",
	}
	for _, name := range signatures {
		if first[name] == "" || plain[name] != "" {
			t.Errorf("%s: %d bytes signed, %d unsigned", name, len(first[name]), len(plain[name]))
		}
	}
	lists := first["apt/dists/stable/main/binary-"+arch()+"/Packages"]
	if n := strings.Count(lists, "\nVersion: "); n != 2 {
		t.Errorf("the apt repository has %d packages for %s, want two\n%s", n, arch(), lists)
	}
	checkBill(t, first)
	command(t, nil, "sh", "-c", "cd "+dist+" && sha256sum --quiet -c SHA256SUMS")
	t.Run("dnf", func(t *testing.T) { installWithDNF(t, dist) })
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) {
			h := boot(t, lab.Options{Suite: suite, Binary: lab.NoBinary})
			h.publish(dist)
			h.refusesBadReleases()
			h.installsByScript()
			h.installsWithApt()
		})
	}
}

// checkBill reads the SBOM.
func checkBill(t *testing.T, files map[string]string) {
	t.Helper()
	var bill struct {
		Metadata struct {
			Timestamp time.Time
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	name := "runsc-provisioner_" + publishedVersion + "_linux_" + arch() + ".cdx.json"
	if err := json.Unmarshal([]byte(files[name]), &bill); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c, made := bill.Metadata.Component, strconv.FormatInt(bill.Metadata.Timestamp.Unix(), 10)
	if c.Name != "runsc-provisioner" || c.Version != publishedVersion || made != publishedEpoch {
		t.Errorf("%s: metadata is %+v", name, bill.Metadata)
	}
	has := map[string]bool{}
	for _, c := range bill.Components {
		has[c.Name] = c.Version != ""
	}
	if !has["std"] || !has["github.com/spf13/cobra"] {
		t.Errorf("%s lacks components: %v", name, has)
	}
}

// arch is the machine's, as dpkg names it.
func arch() string { return map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[lab.Arch()] }
