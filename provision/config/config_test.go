package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configDir makes a config directory of files, by their path in it.
func configDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, dir string) Layered {
	t.Helper()
	layered, err := Load(dir)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return layered
}

func TestLoadConfig_WithoutFilesIsTheDefault(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nonexistent"} {
		if diff := cmp.Diff(Layered{Config: Default(), Sources: map[string]string{}}, load(t, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
}

func TestLoadConfig_RefusesUnknownKeysAndBadValues(t *testing.T) {
	for _, test := range []struct {
		name, text string
		at         string // line and column; "" for a bad value
		want       string
	}{
		{"unknown key", "[docker]\ndefault_runtimes = \"runsc\"\n", ":2:1", "docker.default_runtimes: unknown key"},
		{"unknown table", "[release]\nkeep = 1\n\n[docke]\nx = 1\n", ":4:2", "docke: unknown key"},
		{"unknown key of a runtime", "[docker.runtimes.runsc]\npath = \"/usr/bin/runsc\"\n", ":2:1", "docker.runtimes.runsc.path: unknown key"},
		{"not TOML", "[release\n", ":1:9", ""},
		{"cut short", "[release]\nversion = \"20260914", ":2:", ""},
		{"key twice", "[release]\nkeep = 1\nkeep = 2\n", ":3:", ""},
		{"wrong type", "[release]\nkeep = \"one\"\n", ":2:8", ""},
		{"odd source", "[release]\nsource = \"snap\"\n", "", "release.source"},
		{"upgrades of a package", "[release]\nsource = \"system\"\nupgrade = \"auto\"\n", "", "release.upgrade"},
		{"pin of a package", "[release]\nsource = \"system\"\n[release.sha512]\nrunsc = \"" + strings.Repeat("ab", 64) + "\"\n", "", "release.sha512"},
		{"odd version", "[release]\nversion = \"20260914.0.0\"\n", "", "release.version"},
		{"odd channel", "[release]\nchannel = \"stable\"\n", "", `release.channel: "stable"`},
		{"odd trust", "[release]\ntrust = \"none\"\n", "", `release.trust: "none": is not one of signed, two-sources, checksum`},
		{"plain http", "[release]\nurl = \"http://example.com\"\n", "", "release.url"},
		{"odd pin", "[release]\nsha512 = { \"runsc\" = \"abc\" }\n", "", "release.sha512.runsc: not 128 hexadecimal digits"},
		{"negative keep", "[release]\nkeep = -1\n", "", "release.keep: -1 is not between 0 and 100"},
		{"an unknown disruption", "[enforce]\nmax_disruption = \"some\"\n", ":2:18", "not one of: none, reload, restart"},
		{"a duration without a unit", "[enforce]\ninterval = \"10\"\n", ":2:12", "not a duration such as 90s"},
		{"an interval that is too short", "[enforce]\ninterval = \"1ms\"\n", "", "enforce.interval: 1ms is not between 1s and 24h"},
		{"a window that is too long", "[enforce]\ncontested_window = \"1000h\"\n", "", "enforce.contested_window: 1000h0m0s is not between"},
		{"contested after nothing", "[enforce]\ncontested_after = 0\n", "", "enforce.contested_after: 0 is not between"},
		{"an unknown action", "[enforce]\nunsandboxed = \"kill\"\n", "", "enforce.unsandboxed: \"kill\" is not one of: report, stop"},
		{"an image by its name", "[enforce]\nallow_images = [\"busybox\"]\n", "", "enforce.allow_images[0]: \"busybox\" is not sha256:"},
		{"metrics on all addresses", "[metrics]\nlisten = \"0.0.0.0:9617\"\n", "", "metrics.listen: \"0.0.0.0:9617\" is not a loopback address"},
		{"metrics by name", "[metrics]\nlisten = \"localhost:9617\"\n", "", "metrics.listen: \"localhost:9617\" is not an address"},
		{"a relative directory", "[metrics]\ntextfile = \"metrics\"\n", "", "metrics.textfile: \"metrics\" is not the absolute path"},
		{"runtime runc", "[docker.runtimes.runc]\n", "", "docker.runtimes.runc"},
		{"shell in an argument", "[docker.runtimes.runsc]\nargs = [\"--ok\", \"a;b\"]\n", "", "docker.runtimes.runsc.args[1]"},
		{"a default that is not a runtime", "[docker]\ndefault_runtime = \"other\"\n", "", "docker.default_runtime"},
		{"larger than 256 KiB", strings.Repeat("#", MaxFile+1), "", "larger than 262144 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := configDir(t, map[string]string{"config.d/20-test.toml": test.text})
			_, err := Load(dir)
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got error %v, want an *Error", err)
			}
			want := filepath.Join(dir, "config.d/20-test.toml") + test.at
			if !strings.HasPrefix(refused.Error(), want) || !strings.Contains(refused.Error(), test.want) {
				t.Errorf("got  %q\nwant %q at its start and %q in it", refused, want, test.want)
			}
		})
	}
}

func TestLoadConfig_LaterFilesOverrideInLexicalOrder(t *testing.T) {
	dir := configDir(t, map[string]string{
		"config.toml":           "[release]\nversion = \"20260901\"\nkeep = 3\n\n[docker.runtimes.runsc]\nargs = [\"--debug\"]\n",
		"config.d/90-last.toml": "[release]\nversion = \"20260914\"\n",
		"config.d/10-gv.toml":   "[release]\nversion = \"20260907\"\n\n[docker.runtimes.gv]\nargs = []\n",
		"config.d/ignored.txt":  "not = read",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	want := Layered{Config: Default(), Sources: map[string]string{
		"release.version":            at("config.d/90-last.toml"),
		"release.keep":               at("config.toml"),
		"docker.runtimes.runsc.args": at("config.toml"),
		"docker.runtimes.gv.args":    at("config.d/10-gv.toml"),
	}}
	want.Config.Release.Version, want.Config.Release.Keep = "20260914", 3
	want.Config.Docker.Runtimes = map[string]Runtime{"runsc": {Args: []string{"--debug"}}, "gv": {Args: []string{}}}
	if diff := cmp.Diff(want, load(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func given(s string) *string { return &s }

func TestOverride_FlagsWinAndTheFilesStay(t *testing.T) {
	dir := configDir(t, map[string]string{"config.toml": "[release]\nversion = \"20260901\"\nkeep = 3\n"})
	files := load(t, dir)
	flagged, err := files.Override(Overrides{Version: given("20260914.0"), DefaultRuntime: given("runsc"), RuntimeArgs: []string{"--debug"}})
	if err != nil {
		t.Fatal(err)
	}
	want := load(t, dir)
	want.Config.Release.Version, want.Config.Docker.DefaultRuntime = "20260914.0", "runsc"
	want.Config.Docker.Runtimes["runsc"] = Runtime{Args: []string{"--debug"}}
	for _, key := range []string{"release.version", "docker.default_runtime", "docker.runtimes.runsc.args"} {
		want.Sources[key] = FlagSource
	}
	if diff := cmp.Diff(want, flagged); diff != "" {
		t.Errorf("with flags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(load(t, dir), files); diff != "" {
		t.Errorf("Override changed its receiver (-want +got):\n%s", diff)
	}
	if same, err := files.Override(Overrides{}); err != nil || !cmp.Equal(same, files) {
		t.Errorf("no flags: got %v, %v, want the files unchanged", same, err)
	}
}

func TestOverride_NamesTheFlagsAsTheSource(t *testing.T) {
	for _, test := range []struct {
		flags Overrides
		want  string
	}{
		{Overrides{Version: given("tomorrow")}, "command line: release.version"},
		{Overrides{URL: given("http://example.com")}, "command line: release.url"},
		{Overrides{RuntimeArgs: []string{"$(id)"}}, "command line: docker.runtimes.runsc.args[0]"},
		{Overrides{DefaultRuntime: given("other")}, "command line: docker.default_runtime"},
		{Overrides{DefaultRuntime: given("")}, "command line: docker.default_runtime"},
		{Overrides{UsernsRemap: given("")}, "command line: docker.userns_remap"},
		{Overrides{Builds: given("")}, "command line: docker.builds"},
		{Overrides{Names: given("")}, "command line: docker.names"},
		{Overrides{Names: given("yes")}, "command line: docker.names"},
		{Overrides{Rootfs: given("")}, "command line: docker.runtimes.runsc.rootfs"},
	} {
		_, err := load(t, t.TempDir()).Override(test.flags)
		if !strings.HasPrefix(fmt.Sprint(err), test.want) {
			t.Errorf("got %v, want it to start with %s", err, test.want)
		}
	}
}

func TestOverrides_AreLoadedAfterSave(t *testing.T) {
	dir := t.TempDir()
	for _, run := range []struct {
		flags   Overrides
		changed bool
	}{
		{Overrides{}, false},
		{Overrides{Version: given("20260914.0"), RuntimeArgs: []string{"--debug"}}, true},
		{Overrides{Version: given("20260914.0")}, false},
		{Overrides{DefaultRuntime: given("runsc")}, true}, // the rest stays
		{Overrides{DefaultRuntime: given("runsc"), Version: given("20260914.0"), RuntimeArgs: []string{"--debug"}}, false},
	} {
		changed, err := run.flags.Save(dir)
		if err != nil || changed != run.changed {
			t.Errorf("save %+v: got %v, %v, want %v", run.flags, changed, err, run.changed)
		}
	}
	want := Default()
	want.Release.Version, want.Docker.DefaultRuntime = "20260914.0", "runsc"
	want.Docker.Runtimes["runsc"] = Runtime{Args: []string{"--debug"}}
	if diff := cmp.Diff(want, load(t, dir).Config); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(SavedPath(dir)); err != nil || info.Mode() != 0o644 {
		t.Errorf("got %v, %v, want a file with mode 0644", info, err)
	}
}

func TestOverrides_DoNotReplaceAFileThatDoesNotParse(t *testing.T) {
	const text = "[release\n"
	dir := configDir(t, map[string]string{"config.d/50-apply.toml": text})
	changed, err := Overrides{Version: given("latest")}.Save(dir)
	var refused *Error
	if changed || !errors.As(err, &refused) {
		t.Errorf("got %v, %v, want an *Error", changed, err)
	}
	if got, err := os.ReadFile(SavedPath(dir)); err != nil || string(got) != text {
		t.Errorf("got %q, %v, want the file as it was", got, err)
	}
}

// A word for on or off is never the name of a user, and never passed to dockerd.
func TestUsernsRemapIsNoWordForOnOrOff(t *testing.T) {
	for word, want := range map[string]bool{
		"default": true, "off": true, "dockremap": true, "u:g": true, "1000": true,
		"on": false, "yes": false, "TRUE": false, "enabled": false, "no": false, "Off": false, "none": false,
	} {
		c := Default()
		c.Docker.UsernsRemap = word
		if err := c.Validate(); (err == nil) != want {
			t.Errorf("%s: got %v, want valid: %t", word, err, want)
		}
	}
}
