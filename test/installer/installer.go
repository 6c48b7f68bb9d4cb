// Package installer tests install.sh with directories that look like releases, without root or a network. test/e2e
// tests it on real hosts.
package installer

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"runsc-provisioner/test/inrelease"
)

// The packages of Files, for the four hosts that there are packages for.
const (
	DebAMD64 = "runsc-provisioner_0.1.0_amd64.deb"
	DebARM64 = "runsc-provisioner_0.1.0_arm64.deb"
	RPMAMD64 = "runsc-provisioner-0.1.0-1.x86_64.rpm"
	RPMARM64 = "runsc-provisioner-0.1.0-1.aarch64.rpm"
)

// A Release is the files of a release, by name.
type Release map[string][]byte

// Packages is a release of packages that nothing can install: install.sh does not look into them.
func Packages() Release {
	r := Release{}
	for _, name := range []string{DebAMD64, DebARM64, RPMAMD64, RPMARM64} {
		r[name] = []byte("a stand-in for " + name + "\n")
	}
	// Others must not be taken for the package.
	r["runsc-provisioner_0.1.0_linux_amd64"] = []byte("a program\n")
	r["apt/pool/main/r/runsc-provisioner/"+DebAMD64] = r[DebAMD64]
	return r
}

// Signed adds the checksums, signed with a key.
func (r Release) Signed(t inrelease.TB, key *openpgp.Entity) Release {
	t.Helper()
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(r)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(r[name]), name)
	}
	r["SHA256SUMS"] = sums.Bytes()
	r["SHA256SUMS.asc"] = Signature(t, key, sums.Bytes())
	return r
}

// Signature is a detached one, as gpg --armor --detach-sign makes it: with a checksum, because gpgv 2.2 reads only
// some lengths without.
func Signature(t inrelease.TB, key *openpgp.Entity, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	block, err := armor.EncodeWithChecksumOption(&out, openpgp.SignatureType, nil, true)
	if err == nil {
		err = openpgp.DetachSign(block, []*openpgp.Entity{key}, bytes.NewReader(text), nil)
	}
	if err == nil {
		err = block.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Write writes the release into a directory.
func (r Release) Write(t inrelease.TB, dir string) {
	t.Helper()
	for name, text := range r {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// WithKey is the text of install.sh with a public key in it, as `make release` writes it.
func WithKey(script string, key []byte) string {
	return strings.Replace(script, "\nrelease_key=''\n", "\nrelease_key='"+strings.TrimSpace(string(key))+"'\n", 1)
}
