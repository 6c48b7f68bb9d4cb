package installer

import (
	"maps"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/inrelease"
)

// A situation is a change to a good release, and how a dry run of install.sh ends with it.
type situation struct {
	name   string
	change change
	code   int
	out    string
}

type change = func(t *testing.T, r Release, keys *inrelease.Keys)

// remove and put are changes of one file; put signs checksums again.
func remove(name string) change {
	return func(_ *testing.T, r Release, _ *inrelease.Keys) { delete(r, name) }
}

func put(name, text string) change {
	return func(t *testing.T, r Release, keys *inrelease.Keys) {
		r[name] = []byte(text)
		if name == "SHA256SUMS" {
			r["SHA256SUMS.asc"] = Signature(t, keys.Good(), r[name])
		}
	}
}

// sign replaces the signature by one of a text.
func sign(text string) change {
	return func(t *testing.T, r Release, keys *inrelease.Keys) {
		r["SHA256SUMS.asc"] = Signature(t, keys.Good(), []byte(text))
	}
}

func situations() []situation {
	const digest = "0000000000000000000000000000000000000000000000000000000000000000  "
	sums := func(text string) change { return put("SHA256SUMS", text) }
	return []situation{
		{"good", remove("nothing"), 0, "would run: apt-get "},
		{"the package is another", put(DebAMD64, "another"), 65, "SHA-256"},
		{"the package is cut off", put(DebAMD64, "a stand-in"), 65, "SHA-256"},
		{"the package is empty", put(DebAMD64, ""), 65, "SHA-256"},
		{"no package", remove(DebAMD64), 75, "could not be downloaded"},
		{"package and checksums are forged", forge, 65, "no good signature"},
		{"signed by another key", signedByAnother, 65, "no good signature"},
		{"a good signature of another text", sign("other\n"), 65, "no good signature"},
		{"a signed text in place of a signature", signedText, 65, "no good signature"},
		{"an empty signature", put("SHA256SUMS.asc", ""), 65, "no good signature"},
		{"no signature", remove("SHA256SUMS.asc"), 75, "SHA256SUMS.asc"},
		{"no checksums", remove("SHA256SUMS"), 75, "SHA256SUMS"},
		{"checksums too large", sums(strings.Repeat("x\n", 40000)), 65, "larger than 64 KiB"},
		{"checksums of nothing for this host", sums(digest + DebARM64 + "\n"), 65, "lists no .deb for amd64"},
		{"a web page", sums("<html>sign in</html>\n"), 65, "lists no .deb for amd64"},
		{"two versions", sums(digest + DebAMD64 + "\n" + digest + "runsc-provisioner_2_amd64.deb\n"), 65, "more than one"},
		{"a name that is no name", sums(digest + "runsc-provisioner_;id_amd64.deb\n"), 65, "not allowed"},
		{"a name that leads elsewhere", sums(digest + "runsc-provisioner_/../../x_amd64.deb\n"), 65, "lists no .deb"},
		{"a digest that moves the cursor", sums("\x1b[2J  " + DebAMD64 + "\n"), 65, "not allowed"},
		{"a digest that is none", sums("0  " + DebAMD64 + "\n"), 65, "want 0: refused"},
	}
}

// forge replaces a package and its checksum, but cannot sign it.
func forge(t *testing.T, r Release, _ *inrelease.Keys) {
	forged := Release{DebAMD64: []byte("malicious\n")}
	maps.Copy(r, forged.Signed(t, newKeys().Good()))
}

func signedByAnother(t *testing.T, r Release, _ *inrelease.Keys) {
	r["SHA256SUMS.asc"] = Signature(t, newKeys().Good(), r["SHA256SUMS"])
}

// gpg once took the text in such a file for the signed one.
func signedText(t *testing.T, r Release, keys *inrelease.Keys) {
	r["SHA256SUMS.asc"] = keys.InRelease(t, "other\n")
}

func newKeys() *inrelease.Keys { return inrelease.NewKeys(inrelease.Panics{}, time.Now()) }

func TestReleases(t *testing.T) {
	keys := newKeys()
	onEachShell(t, func(t *testing.T, shell []string) {
		b := newBench(t, keys)
		for _, c := range situations() {
			t.Run(c.name, func(t *testing.T) {
				r, dir := Packages().Signed(t, b.keys.Good()), t.TempDir()
				c.change(t, r, b.keys)
				r.Write(t, dir)
				b.run(shell, "--dry-run", "--from", "file://"+dir+"/").want(t, c.code, c.out)
			})
		}
	})
}

// The host and the arguments are checked before anything is downloaded: there is nothing to download here.
func TestRefusedBeforeTheDownload(t *testing.T) {
	const nowhere = "--from=file:///nonexistent"
	keys := newKeys()
	onEachShell(t, func(t *testing.T, shell []string) {
		b := newBench(t, keys)
		b.run(shell, nowhere, "--dry-run").want(t, 75, "could not be downloaded")
		b.run(shell).want(t, 64, "no release to install from")
		b.run(shell, "--from").want(t, 64, "needs a value")
		b.run(shell, "--from=http://127.0.0.1/", "--dry-run").want(t, 64, "only https://")
		b.run(shell, "--from=https://user:password@127.0.0.1/", "--dry-run").want(t, 64, "not allowed")
		b.run(shell, "--from=file:///a b", "--dry-run").want(t, 64, "not allowed")
		b.run(shell, "--from=/srv/release", "--dry-run").want(t, 64, "only https://")
		b.run(shell, nowhere, "--keyring=/nonexistent").want(t, 64, "no such file")
		b.run(shell, nowhere, "--yes").want(t, 64, "unknown argument --yes")
		b.run(shell, "--help").want(t, 0, "--dry-run")
		b.debian("riscv64")
		b.run(shell, nowhere, "--dry-run").want(t, 78, "no package for riscv64")
		b.fake("dpkg-query", "exit 1")
		if shell[0] == "busybox" {
			return // its own rpm, id and uname come before those in PATH
		}
		b.run(shell, nowhere, "--dry-run").want(t, 78, "neither apt nor rpm")
		b.fedora("ppc64le")
		b.run(shell, nowhere, "--dry-run").want(t, 78, "no package for ppc64le")
		b.debian("amd64")
		b.fake("id", "echo 1000")
		b.run(shell, nowhere).want(t, 77, "only root")
		b.fake("uname", "echo Darwin")
		b.run(shell, nowhere, "--dry-run").want(t, 78, "this is Darwin")
	})
}
