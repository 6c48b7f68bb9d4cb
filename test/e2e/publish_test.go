package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
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

// command runs a program of the machine, which must succeed, and gives its output.
func command(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// signingKey makes a throwaway key. It gives gpg's home, the fingerprint, and a file with the secret key.
func signingKey(t *testing.T) (home, fingerprint, file string) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // gpg-agent's socket must have a short name
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		kill := exec.Command("gpgconf", "--kill", "all")
		kill.Env = append(os.Environ(), env...)
		if err := kill.Run(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	gpg := func(arguments ...string) string {
		return command(t, env, append([]string{"gpg", "--batch", "--quiet"}, arguments...)...)
	}
	gpg("--passphrase", "", "--quick-gen-key", "Test <test@example.com>", "rsa3072", "sign")
	for field := range strings.SplitSeq(gpg("--with-colons", "--list-keys"), ":") {
		if len(field) == 40 { // the first is that of the key
			fingerprint = field
			break
		}
	}
	file = filepath.Join(t.TempDir(), "secret.asc")
	gpg("--armor", "--output", file, "--export-secret-keys")
	return home, fingerprint, file
}

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
	earlier := "RELEASE_EARLIER=" + packages.Build(t, packages.Options{Version: "0.0.9"})
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
	for _, suite := range lab.Suites() {
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

// installWithDNF installs from the dnf repository into an empty root. It refuses one that was changed after it was
// signed.
func installWithDNF(t *testing.T, dist string) {
	dnf := func(repository, root string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "dnf", "-q", "-y", "--installroot="+root, "--releasever=1",
			"--setopt=reposdir=/dev/null", "--repofrompath=r,file://"+repository, "--setopt=r.repo_gpgcheck=1",
			"--setopt=r.gpgcheck=0", "--setopt=r.gpgkey=file://"+dist+"/runsc-provisioner.asc",
			"--setopt=logdir="+t.TempDir(), "install", "runsc-provisioner")
	}
	root := t.TempDir()
	if out, err := dnf(filepath.Join(dist, "dnf"), root).CombinedOutput(); err != nil {
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

	changed, empty := filepath.Join(t.TempDir(), "dnf"), t.TempDir()
	command(t, nil, "cp", "-r", filepath.Join(dist, "dnf"), changed)
	command(t, nil, "sed", "-i", "s/<revision>/<revision>1/", filepath.Join(changed, "repodata/repomd.xml"))
	out, err := dnf(changed, empty).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("GPG")) {
		t.Errorf("a changed repository: %v\n%s", err, out)
	}
	if _, err := os.Lstat(filepath.Join(empty, "usr/bin/runsc-provisioner")); !os.IsNotExist(err) {
		t.Errorf("a changed repository was installed from: %v", err)
	}
}
