package installer

import (
	"os"
	"strings"
	"testing"

	"runsc-provisioner/test/inrelease"
)

// The user's keyring replaces the key in the script.
func TestKeyring(t *testing.T) {
	keys, other := newKeys(), newKeys()
	onEachShell(t, func(t *testing.T, shell []string) {
		b := newBench(t, keys)
		dir := t.TempDir()
		from := "--from=file://" + dir
		Packages().Signed(t, other.Good()).Write(t, dir)
		binary := b.key("release.gpg", other.Keyring(t))
		armored := b.key("release.asc", inrelease.ArmoredKeys(other.Keyring(t)))
		text := b.key("release.txt", []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nA\n"))
		b.run(shell, "--dry-run", from).want(t, 65, "no good signature")
		b.run(shell, "--dry-run", from, "--keyring="+binary).want(t, 0, "signature  good", binary)
		b.run(shell, "--dry-run", from, "--keyring", armored).want(t, 0, "signature  good", armored)
		b.run(shell, "--dry-run", from, "--keyring", text).want(t, 64, "not an OpenPGP key")
		b.run(shell, "--dry-run", from, "--keyring=/dev/null").want(t, 64, "no such file")
	})
}

// What verifies, and what the script says if nothing can.
func TestVerifiers(t *testing.T) {
	dash, keys, other := []string{"dash"}, newKeys(), newKeys()
	for _, verifier := range []string{"gpgv", "sqv"} {
		t.Run(verifier, func(t *testing.T) {
			b, good, bad := newBench(t, keys), t.TempDir(), t.TempDir()
			Packages().Signed(t, b.keys.Good()).Write(t, good)
			Packages().Signed(t, other.Good()).Write(t, bad)
			b.onlyWith(append(basic(), verifier)...)
			b.withoutSbin()
			b.run(dash, "--dry-run", "--from=file://"+good).want(t, 0, "good: "+verifier)
			b.run(dash, "--dry-run", "--from=file://"+bad).want(t, 65, "no good signature")
		})
	}
	t.Run("none", func(t *testing.T) {
		b, dir := newBench(t, keys), t.TempDir()
		r := Packages().Signed(t, b.keys.Good())
		r.Write(t, dir)
		keyring := b.key("release.gpg", b.keys.Keyring(t))
		b.onlyWith(basic()...)
		b.withoutSbin()
		from := "--from=file://" + dir
		b.run(dash, "--dry-run", from).want(t, 0, "NOT CHECKED: neither gpgv nor sqv", "checksum   good")
		b.run(dash, "--dry-run", from, "--keyring", keyring).want(t, 78, "neither gpgv nor sqv")
	})
	t.Run("no key", func(t *testing.T) {
		b, dir := newBench(t, keys), t.TempDir()
		Packages().Signed(t, b.keys.Good()).Write(t, dir)
		b.script = "../../install.sh"
		unsigned := b.run(dash, "--dry-run", "--from=file://"+dir)
		unsigned.want(t, 0, "NOT CHECKED: this script has no key", "checksum   good")
	})
}

// The package and the program that installs it, by host.
func TestChooses(t *testing.T) {
	b, dir := newBench(t, newKeys()), t.TempDir()
	Packages().Signed(t, b.keys.Good()).Write(t, dir)
	for _, c := range []struct {
		arch, deb, rpm string
	}{{"amd64", DebAMD64, ""}, {"arm64", DebARM64, ""}, {"x86_64", "", RPMAMD64}, {"aarch64", "", RPMARM64}} {
		want, with := c.deb, "would run: apt-get "
		if b.debian(c.arch); c.deb == "" {
			b.fedora(c.arch)
			want, with = c.rpm, "would run: dnf "
		}
		b.run([]string{"dash"}, "--dry-run", "--from=file://"+dir).want(t, 0, "download   "+want, with, "/"+want)
	}
}

// A part of the script, as a broken connection leaves it in a pipe, does nothing: the shell reports a syntax error
// at most.
func TestCutOff(t *testing.T) {
	b := newBench(t, newKeys())
	b.fake("dpkg-query", "echo the script has run")
	whole, err := os.ReadFile(b.script)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(string(whole), "\n")
	cuts := []int{}
	for i := range text {
		if text[i] == '\n' || i > len(text)-200 {
			cuts = append(cuts, i)
		}
	}
	end := len(strings.TrimRight(text[:strings.LastIndex(text, "#")], " ")) // what follows is a comment
	for _, cut := range cuts {
		if cut >= end {
			break
		}
		b.write(b.script, text[:cut])
		r := b.run([]string{"dash"}, "--dry-run", "--from=file:///nonexistent")
		if strings.Contains(r.out, "hint:") || strings.Contains(r.out, "the script has run") {
			t.Errorf("the first %d bytes do something:\n%s", cut, r.out)
		}
	}
}
