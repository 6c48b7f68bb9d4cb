package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"runsc-provisioner/test/lab"
)

const (
	daemonJSON = "/etc/docker/daemon.json"
	store      = "/usr/local/lib/gvisor"
	link       = "/usr/local/bin/runsc"
	older      = "20260907.0"
	newer      = "20260914.0"
)

// asMember runs a command as a user who is not root, in group docker.
const asMember = "setpriv --reuid=65534 --regid=docker --clear-groups "

// host is a lab host with helpers for these tests.
type host struct {
	*lab.Host
	t *testing.T
}

// boot boots a host for a test, which runs beside other tests from then on: a test mostly waits for its host,
// so one host at a time leaves much of the machine idle.
func boot(t *testing.T, o lab.Options) host {
	t.Helper()
	t.Parallel()
	return host{lab.ForTest(t, o), t}
}

// bootWithFailpoints is boot with a product that a test can kill at an instant that the package failpoint marks.
func bootWithFailpoints(t *testing.T, o lab.Options) host {
	t.Helper()
	t.Parallel()
	o.Binary = lab.BuildWithFailpoints(t)
	return host{lab.ForTest(t, o), t}
}

// suitesEnv is the environment variable that makes onEach take every suite ("all").
const suitesEnv = "RUNSC_SUITES"

// suites returns every suite if the environment asks for all, and otherwise one at random: the same fault on the
// other takes as long, and finds little more in most runs.
func suites(t *testing.T) []string {
	t.Helper()
	all := lab.Suites()
	if os.Getenv(suitesEnv) == "all" {
		return all
	}
	i := lab.Seed(t) % uint64(len(all))
	return all[i : i+1]
}

// onEach runs a test on a host of each of suites. The hosts run beside each other: what the test shares between
// them must not change.
func onEach(t *testing.T, o lab.Options, test func(*testing.T, host)) {
	t.Helper()
	t.Parallel()
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) {
			o := o
			o.Suite = suite
			test(t, boot(t, o))
		})
	}
}

// run runs a shell command that must succeed, and gives its output.
func (h host) run(command string) string {
	h.t.Helper()
	result := h.exit(0, command)
	return strings.TrimSpace(result.Stdout)
}

// exit runs a shell command that must exit with code.
func (h host) exit(code int, command string) lab.Result {
	h.t.Helper()
	result, err := h.Run(h.t.Context(), "sh", "-c", command)
	if err != nil {
		h.t.Fatal(err)
	}
	if result.Code != code {
		h.t.Fatalf("%s: want exit %d, got %v", command, code, result)
	}
	return result
}

func (h host) read(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(h.Path(path))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// snapshot is everything that a failed apply must leave unchanged.
type snapshot struct {
	DaemonJSON string
	MTime      string
	Store      string
	Link       string
	Dockerd    string // its process, and the signals it got
}

func (h host) snapshot() snapshot {
	h.t.Helper()
	return snapshot{
		DaemonJSON: h.run("cat " + daemonJSON + " 2>&1 || true"),
		MTime:      h.run("stat -c '%y %i %a %u %g' " + daemonJSON + " 2>&1 || true"),
		Store:      h.run("ls -RlA --time-style=full-iso " + store + " 2>&1 | grep -v '^total' || true"),
		Link:       h.run("readlink " + link + " || true"),
		Dockerd:    h.run("systemctl show -p MainPID -p InvocationID docker; journalctl -u docker -o cat | grep -ci 'reload\\|SIGHUP' || true"),
	}
}

// untouched fails the test if the host has changed.
func (h host) untouched(before snapshot) {
	h.t.Helper()
	if after := h.snapshot(); after != before {
		h.t.Errorf("the host was touched\nbefore: %+v\nafter:  %+v", before, after)
	}
}

// verification is the output of `verify --format json`.
type verification struct {
	Status   string
	Host     []struct{ Name, Status, Seen string }
	Runtimes []struct {
		Name     string
		Writes   string
		Promised string `json:"writes_promised"`
		Proven   bool   `json:"writes_proven"`
	}
	Containers []struct{ Name, Runtime, State, Release, Writes string }
	Findings   []struct{ Code, Object, Seen, Remedy string }
	Others     []struct{ ID string }
	Orphans    []struct{ PID int }
	Unowned    []struct{ PID int }
}

func (h host) verify(code int) verification {
	h.t.Helper()
	return parse(h.t, h.exit(code, "runsc-provisioner verify --timeout 60s --format json").Stdout)
}

// parse reads the output of `verify --format json`, after checking it against its schema.
func parse(t *testing.T, text string) verification {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = verifySchema(t).Validate(value)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var v verification
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v verification) runs(name string) bool {
	for _, c := range v.Containers {
		if c.Name == name {
			return true
		}
	}
	return false
}

// verifySchema is the schema that is shipped.
func verifySchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../cmd/runsc-provisioner/verify.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// container is verify's verdict on the container called name.
func (v verification) container(t *testing.T, name string) (state, release string) {
	t.Helper()
	for _, c := range v.Containers {
		if c.Name == name {
			return c.State, c.Release
		}
	}
	t.Fatalf("verify does not list %s: %+v", name, v)
	return "", ""
}

func owner(t *testing.T, path string) (uid, gid uint32, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return stat.Uid, stat.Gid, info.Mode()
}
