package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
	"runsc-provisioner/test/releases"
)

// No command prints the password of release.url, and no file has it that users other than
// root may read.
func TestFault_X18_PasswordInReleaseURL(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	secret := strings.Replace(releases.URL(origin, ""), "https://", "https://reader:hunter2@", 1)
	hidden := func(what string, got outcome) {
		t.Helper()
		if strings.Contains(got.stdout+got.stderr, "hunter2") {
			t.Errorf("%s: got %v\nwant no password in it", what, got)
		}
	}
	hidden("a refused URL", h.run("plan", "--url="+strings.Replace(secret, "https", "http", 1)))
	hidden("a URL with a query", h.run("plan", "--url="+secret+"?x=hunter2"))
	hidden("apply", h.want(exitDone, "apply", "--verbose", "--url="+secret))
	hidden("apply in JSON", h.want(exitDone, "apply", "--verbose", "--format=json", "--rootfs=sandbox"))
	for _, args := range [][]string{
		{"config", "show"}, {"config", "show", "--format=json"}, {"config", "check"}, {"plan", "--upgrade"}, {"plan", "--format=json"},
		{"status"}, {"status", "--format=json"}, {"verify", "--verbose"}, {"verify", "--format=json"}, {"verify", "--format=plugin"}, {"verify", "--format=prometheus"},
		{"doctor"}, {"doctor", "--format=json"}, {"debug-bundle", "-"},
	} {
		hidden(strings.Join(args, " "), h.run(args...))
	}
	// The files are lost: the values come from the record.
	saved := filepath.Join(h.paths.Config, "config.d", "50-apply.toml")
	if err := os.Rename(saved, saved+".lost"); err != nil {
		t.Fatal(err)
	}
	hidden("config show of a lost value", h.run("config", "show"))
	hidden("config show of a lost value in JSON", h.run("config", "show", "--format=json"))

	err := filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "hunter2") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("got the password in %s with mode %v, want it for root only", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
