package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/aptrepo"
	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/lab"
)

// serveSigned serves a signed repository in place of the release tree, with the real programs of releases.
func (h host) serveSigned(versions ...string) *aptrepo.Repo {
	h.t.Helper()
	return h.ServeSigned(h.t.Context(), h.t, versions...)
}

// trustSigned configures the repository and its key, and leaves the trust at its default.
func (h host) trustSigned(repo *aptrepo.Repo) {
	h.t.Helper()
	if err := os.WriteFile(h.Path(lab.LabConfigPath), []byte(lab.SignedConfig(repo)), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// apt-get is the peer: it accepts the same repository, and installs the same files.
func TestSigned_InstallsFromARepositoryThatAptAccepts(t *testing.T) {
	h := boot(t, lab.Options{})
	repo := h.serveSigned(newer)
	h.trustSigned(repo)
	h.run("runsc-provisioner apply --default-runtime")
	if got := h.run("docker run --rm " + lab.Image + " uname -r"); !strings.Contains(got, "gvisor") {
		t.Errorf("kernel inside: got %q, want gVisor's", got)
	}
	if got := h.run("runsc-provisioner verify"); !strings.Contains(got, "trust signed") {
		t.Errorf("got %s, want the trust", got)
	}
	h.run("test ! -e " + aptrepo.Canary)

	h.run("cp " + lab.SignedTree + "/archive.key /etc/apt/keyrings/test.asc && rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && " +
		"echo 'deb [signed-by=/etc/apt/keyrings/test.asc] https://releases.lab/gvisor/releases release main' >/etc/apt/sources.list.d/test.list")
	h.run("apt-get -q update -o APT::Sandbox::User=root -o Acquire::https::CAInfo=/etc/ssl/certs/ca-certificates.crt -o APT::Update::Error-Mode=any")
	h.run("cd /root && apt-get -q download runsc -o APT::Sandbox::User=root -o Acquire::https::CAInfo=/etc/ssl/certs/ca-certificates.crt && dpkg-deb -x runsc_*.deb /root/by-apt")
	h.run("cd /root/by-apt/usr/bin && find . -type f -exec cmp {} " + store + "/" + newer + "/{} ';'")

	// An attacker signs with a key of his own.
	before := h.snapshot()
	repo.Keys = inrelease.NewKeys(t, time.Now())
	repo.Publish(t, "release", time.Now(), newer)
	h.exit(65, "runsc-provisioner apply --upgrade")
	h.untouched(before)
	if r := h.exit(100, "apt-get -q update -o APT::Sandbox::User=root -o Acquire::https::CAInfo=/etc/ssl/certs/ca-certificates.crt -o APT::Update::Error-Mode=any"); r.Code == 0 {
		t.Error("apt-get accepts it")
	}
}

// The second host has no route but to itself, and no release server.
func TestBundle_CarriesARelease(t *testing.T) {
	from := boot(t, lab.Options{Name: "bundle-from"})
	repo := from.serveSigned(newer)
	from.trustSigned(repo)
	from.run("runsc-provisioner apply && runsc-provisioner bundle create /root/gvisor.bundle")
	bundle := []byte(from.read("/root/gvisor.bundle"))

	to := host{lab.ForTest(t, lab.Options{Name: "bundle-to", Suite: "bookworm"}), t}
	if err := to.StopReleases(t.Context()); err != nil {
		t.Fatal(err)
	}
	to.trustSigned(repo)
	if got := to.run("ip route show default; ip -6 route show default"); got != "" {
		t.Fatalf("the host has a route: %s", got)
	}
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(to.Path("/root/gvisor.bundle"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := to.snapshot()
	for _, at := range []int{0, 600, len(bundle) / 3, len(bundle) / 2, len(bundle) - 2000, len(bundle) - 1} {
		bundle[at] ^= 1
		put(bundle)
		bundle[at] ^= 1
		to.exit(65, "runsc-provisioner apply --default-runtime --bundle /root/gvisor.bundle")
	}
	to.untouched(before)
	put(bundle)
	to.run("runsc-provisioner apply --default-runtime --bundle /root/gvisor.bundle")
	if got := to.run("docker run --rm " + lab.Image + " uname -r"); !strings.Contains(got, "gvisor") {
		t.Errorf("kernel inside: got %q, want gVisor's", got)
	}
	if got := to.run("runsc-provisioner verify"); !strings.Contains(got, "trust signed") {
		t.Errorf("got %s, want the trust", got)
	}
	if got := to.run("runsc-provisioner apply"); !strings.Contains(got, "nothing to do") {
		t.Errorf("got %s, want nothing to do", got)
	}
}

// judge prints the names of the files that a verifier accepts: sqv, or gpgv as apt reads its status. To apt, a further
// signature by an unknown key is no error.
const judge = `cd /root/inrelease && for f in case-???; do
	if command -v sqv >/dev/null; then
		sqv --keyring ring.gpg --cleartext --output $f.text $f >/dev/null 2>&1 && echo $f
	else
		gpgv --keyring /root/inrelease/ring.gpg --status-fd 1 --output $f.text $f 2>/dev/null >status
		code=$?
		grep -q 'NO_PUBKEY' status && [ $code = 2 ] && code=0
		[ $code = 0 ] && grep -q '^.GNUPG:. GOODSIG' status && ! grep -qE '^.GNUPG:. (BADSIG|EXPSIG|EXPKEYSIG|REVKEYSIG)' status && echo $f
	fi
done; true`

// Debian's verifiers agree on all files but those that are refused here and skipped or left to policy there.
func TestFault_S01_OtherVerifiersAgree(t *testing.T) {
	onEach(t, lab.Options{Docker: lab.DockerStopped}, func(t *testing.T, h host) {
		keys := inrelease.NewKeys(t, time.Now())
		cases := keys.Cases(t)
		h.run("mkdir /root/inrelease")
		files := map[string][]byte{"ring.gpg": keys.Keyring(t)}
		for i, c := range cases {
			files[fmt.Sprintf("case-%03d", i)] = c.File
		}
		for name, text := range files {
			if err := os.WriteFile(h.Path("/root/inrelease/"+name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		verifier := "gpgv"
		if h.run("command -v sqv || true") != "" {
			verifier = "sqv"
		}
		accepted := strings.Fields(h.run(judge))
		t.Logf("%s accepts %d of %d files", verifier, len(accepted), len(cases))
		for i, c := range cases {
			name := fmt.Sprintf("case-%03d", i)
			got, want := slices.Contains(accepted, name), c.Text != nil || slices.Contains(c.Lenient, verifier)
			if got != want {
				t.Errorf("%s: %s accepts it: %t, want %t", c.Name, verifier, got, want)
			}
			if !got || c.Text == nil {
				continue
			}
			if text := h.read("/root/inrelease/" + name + ".text"); withoutTrailingSpace(text) != withoutTrailingSpace(string(c.Text)) {
				t.Errorf("%s: %s gives the text %.300q, want %.300q", c.Name, verifier, text, c.Text)
			}
		}
	})
}

// withoutTrailingSpace is a text without what a signature of it leaves out: white space at the end of lines, and the last
// line feed.
func withoutTrailingSpace(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return strings.Join(lines, "\n")
}
