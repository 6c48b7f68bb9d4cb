package packages

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/need"
)

// toolStub stands for go: it writes what go would, and notes who calls it.
const toolStub = `#!/bin/sh
[ "$1" = build ] || [ "$1" = run ] || exit 0
id -un >>"$STUB_LOG"
while [ $# -gt 0 ]; do
	case $1 in
	-o) printf '#!/bin/sh\n' >"$2" && chmod 755 "$2" ;;
	-dir) mkdir -p "$2" && cd "$2" && touch runsc-provisioner.8.gz runsc-provisioner.service.8.gz \
		runsc-provisioner.toml.5.gz completion.bash completion.zsh completion.fish config.toml \
		changelog.gz third-party-licenses.gz ;;
	esac
	shift
done
`

// checkout is a copy of this checkout with a stub in place of go.
type checkout struct {
	t                        *testing.T
	root, stub, log, destDir string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	c := &checkout{t: t, root: at("src"), stub: at("go"), log: at("log"), destDir: at("dest")}
	copyTree(t, c.root)
	if err := os.WriteFile(c.stub, []byte(toolStub), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.log, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	return c
}

// make runs make with further variables, and returns what it printed.
func (c *checkout) make(args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "make", append(args, "GO="+c.stub, "VERSION=1.2.3", "DESTDIR="+c.destDir)...)
	cmd.Dir = c.root
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "SUDO_") && !strings.HasPrefix(variable, "MAKE") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "STUB_LOG="+c.log, "SOURCE_DATE_EPOCH=1790000000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("make %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// builders are the users who have called go since the last call.
func (c *checkout) builders() string {
	c.t.Helper()
	names := strings.Join(strings.Fields(read(c.t, c.log)), " ")
	if err := os.Truncate(c.log, 0); err != nil {
		c.t.Fatal(err)
	}
	return names
}

func TestMakeInstall_UnderSudoTheUserCompiles(t *testing.T) {
	need.Root(t)
	c := newCheckout(t)
	for _, dir := range []string{filepath.Dir(c.root), filepath.Dir(filepath.Dir(c.root))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	output(t, "chown", "-R", "nobody:", c.root)
	output(t, "chmod", "666", c.log)
	c.make("install", "SUDO_USER=nobody")
	if got := c.builders(); got != "nobody nobody" {
		t.Errorf("built by %q, want nobody alone", got)
	}
	if got := output(t, "stat", "-c", "%U %a", filepath.Join(c.destDir, "usr/local/bin/runsc-provisioner")); got != "root 755\n" {
		t.Errorf("installed as %s", got)
	}
	c.make("install", "SUDO_USER=nobody")
	if got := c.builders(); got != "" {
		t.Errorf("compiled again by %q, although nothing is new", got)
	}
	source := filepath.Join(c.root, "cmd/runsc-provisioner/main.go")
	output(t, "touch", "-d", "next hour", source)
	c.make("install", "SUDO_USER=nobody")
	if got := c.builders(); got != "nobody nobody" {
		t.Errorf("a changed source is built by %q", got)
	}
	output(t, "touch", "-d", "next day", source)
	c.make("install")
	if got := c.builders(); got != "root root" {
		t.Errorf("for root without sudo, built by %q", got)
	}
}

func TestMakeUninstall_RemovesWhatInstallHasPut(t *testing.T) {
	for prefix, zsh := range map[string]string{
		"/usr/local": "site-functions", "/usr": "vendor-completions", "/opt/x": "site-functions",
	} {
		c := newCheckout(t)
		foreign := filepath.Join(c.destDir, prefix, "share/man/man8/other.8")
		if err := os.MkdirAll(filepath.Dir(foreign), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(foreign, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		before := filesIn(t, c.destDir)
		c.make("install", "PREFIX="+prefix)
		unit := read(t, c.destDir, prefix, "lib/systemd/system/runsc-provisioner.service")
		if !strings.Contains(unit, "ExecStart="+prefix+"/bin/runsc-provisioner daemon\n") || strings.Contains(unit, "DIR@") {
			t.Errorf("the unit is\n%s", unit)
		}
		read(t, c.destDir, prefix, "share/zsh", zsh, "_runsc-provisioner")
		read(t, c.destDir, "etc/runsc-provisioner/config.toml")
		c.make("uninstall", "PREFIX="+prefix)
		if diff := cmp.Diff(before, filesIn(t, c.destDir)); diff != "" {
			t.Errorf("%s: left or removed: %s", prefix, diff)
		}
		if got := output(t, "find", c.destDir, "-path", "*runsc-provisioner*"); got != "" {
			t.Errorf("%s: left %s", prefix, got)
		}
	}
}

// Settings belong to the user.
func TestMakeInstall_NeverReplacesSettings(t *testing.T) {
	c := newCheckout(t)
	c.make("install")
	config := filepath.Join(c.destDir, "etc/runsc-provisioner/config.toml")
	const mine = "# mine\ndocker.default_runtime = \"runsc\"\n"
	if err := os.WriteFile(config, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	c.make("install")
	if out := c.make("uninstall"); !strings.Contains(out, "config.toml has settings") {
		t.Errorf("got %s, want the file that stays", out)
	}
	if got := slicesOf(filesIn(t, c.destDir)); len(got) != 1 || read(t, config) != mine {
		t.Errorf("got %v", got)
	}
}

func slicesOf(files map[string]string) (paths []string) {
	for path := range maps.Keys(files) {
		paths = append(paths, path)
	}
	return paths
}
