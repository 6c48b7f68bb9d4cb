package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
		endAgent(t, home)
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

// endAgent ends the gpg-agent of a home directory of gpg.
func endAgent(t *testing.T, home string) {
	t.Helper()
	if out, err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
		t.Errorf("gpgconf --kill all: %v\n%s", err, out)
	}
}
