package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

// The releases that the fake host's server has.
const (
	older = "20260907.0"
	newer = "20260914.0"
	next  = "20270104.0" // without the flag that gone sets
	gone  = "--gone"
	bad   = "--platform=bad"
)

// fakeHost is a directory that stands for a host's file system, with a fake
// dockerd, systemd, /proc and release server. Its proofs start no sandbox. Time
// passes only when the test says so, except in a daemon that runs.
type fakeHost struct {
	*testing.T
	root    string
	dockerd *fakedockerd.Live
	units   *fakeUnits
	daemon  *Daemon
	loop    *loop    // set by startDaemon
	outcome *outcome // of the last round
	config  string   // of config.toml, without its URL
	unsound string   // a release whose sandboxes do not start

	// turn has one value while the release server answers.
	turn chan struct{}

	mu        sync.Mutex
	now       time.Time
	told      []status.Notice
	measured  []Measure
	proofs    int
	published status.Status
	news      chan struct{} // receives a value after each Publish, unless it has one
}

// newFakeHost is a host with Docker and without gVisor. settings are lines of
// config.toml.
func newFakeHost(t *testing.T, settings ...string) *fakeHost {
	t.Helper()
	root := t.TempDir()
	h := &fakeHost{T: t, root: root, now: at(0), news: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	tree := releases.Handler(bucket(t))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-h.turn:
			defer func() { h.turn <- struct{}{} }()
			tree.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	h.dockerd = fakedockerd.NewLive(t)
	h.units = newFakeUnits(h.dockerd, h.path("etc/docker/daemon.json"))
	h.config = fmt.Sprintf("[release]\nurl = %q\nredirect_hosts = []\ntrust = \"checksum\"\nversion = %q\n", releases.URL(server.URL, ""), newer)
	h.process(1, "0::/init.scope\n", "/sbin/init")
	for _, dir := range []string{"run/runsc-provisioner", "var/lib/runsc-provisioner", "usr/local/bin"} {
		must(t, os.MkdirAll(h.path(dir), 0o755))
	}
	h.daemon = &Daemon{
		Host: &provision.Provisioner{
			Host: host.Host{Units: h.units, Owner: os.Geteuid(), Paths: host.Paths{
				Etc: h.path("etc"), Config: h.path("etc/runsc-provisioner"), State: h.path("var/lib/runsc-provisioner"),
				Run: h.path("run/runsc-provisioner"), Store: h.path("usr/local/lib/gvisor"), Link: h.path("usr/local/bin/runsc"),
				Proc: h.path("proc"), DaemonJSON: h.units.daemonJSON, Socket: h.dockerd.Socket,
			}},
			Jobs: h.units, HTTP: server.Client(), Limits: release.Limits{Download: download.Limits{Tries: 1}},
			ProveOutside:  h.prove,
			ProveInDocker: func(context.Context, steps.ProveInDocker) (string, error) { return h.proven(), nil },
		},
		Changes:    func(context.Context) <-chan struct{} { return h.units.changes },
		Ready:      func() {},
		Reloading:  func() {},
		Alive:      func() {},
		Tell:       h.tell,
		Publish:    h.publish,
		Configured: func(config.Config) {},
		Measure:    h.measure,
		Now:        h.clock,
	}
	h.configure(settings...)
	return h
}

// provisionedHost has the newer release, runs its containers in it by default,
// and its daemon has found nothing to do.
func provisionedHost(t *testing.T, settings ...string) *fakeHost {
	t.Helper()
	h := newFakeHost(t, append([]string{"[docker]", `default_runtime = "runsc"`}, settings...)...)
	h.startDaemon()
	if s := h.round(becauseTimer); s.State != status.StateFetching {
		t.Fatalf("first round: got %q, want a download", s.Line)
	}
	if s := h.fetch(); s.State != status.StateEnforced {
		t.Fatalf("second round: got %q, want the release installed", s.Line)
	}
	h.loop.status.Counts = status.Counts{Drifts: map[string]uint64{}, Repairs: map[string]uint64{}}
	h.told, h.measured = nil, nil
	return h
}

// startDaemon makes a daemon whose rounds only the test begins.
func (h *fakeHost) startDaemon() {
	h.loop = newLoop(h.daemon, nil)
	h.Cleanup(h.loop.rounds.fetches.close)
}

// round carries out one round, and returns the status after it.
func (h *fakeHost) round(why cause) status.Status {
	h.Helper()
	h.outcome = h.loop.rounds.run(h.Context(), why)
	if !h.outcome.nothingNew {
		h.loop.record(h.outcome, h.clock())
	}
	h.loop.publishNow()
	return h.status()
}

// fetch lets the release server answer until the download under way has ended,
// and carries out the round that this makes due.
func (h *fakeHost) fetch() status.Status {
	h.Helper()
	h.turn <- struct{}{}
	<-h.loop.rounds.fetches.ended
	<-h.turn
	return h.round(becauseFetched)
}

// idle fails the test if a round that begins now would look at the host.
func (h *fakeHost) idle(why cause) {
	h.Helper()
	if h.round(why); !h.outcome.nothingNew {
		h.Errorf("another round: got error %v, repaired %v, want nothing new", h.outcome.err, h.outcome.repaired)
	}
}

// bucketDir is the release server's tree: the same for all tests.
var bucketDir struct {
	sync.Mutex
	path string
}

func bucket(t *testing.T) string {
	t.Helper()
	bucketDir.Lock()
	defer bucketDir.Unlock()
	if bucketDir.path != "" {
		return bucketDir.path
	}
	dir, err := os.MkdirTemp("", "bucket-")
	must(t, err)
	for path, name := range map[string]string{older: older, newer: newer, "latest": newer} {
		fakerunsc.Bundle(t, filepath.Join(dir, release.ChannelRelease, path, release.Arch()),
			fakerunsc.Options{Label: "release-" + name}, fakerunsc.Zstd)
	}
	fakerunsc.Bundle(t, filepath.Join(dir, release.ChannelRelease, next, release.Arch()),
		fakerunsc.Options{Label: "release-" + next, Rejects: strings.TrimLeft(gone, "-")}, fakerunsc.Zstd)
	bucketDir.path = dir
	return dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(bucketDir.path)
	os.Exit(code)
}

func (h *fakeHost) path(path string) string { return filepath.Join(h.root, path) }

func (h *fakeHost) write(path, text string) {
	h.Helper()
	must(h.T, os.MkdirAll(filepath.Dir(h.path(path)), 0o755))
	must(h.T, os.WriteFile(h.path(path), []byte(text), 0o644))
}

func (h *fakeHost) read(path string) string {
	h.Helper()
	text, err := os.ReadFile(h.path(path))
	must(h.T, err)
	return string(text)
}

// configure writes config.toml.
func (h *fakeHost) configure(settings ...string) {
	h.Helper()
	h.write("etc/runsc-provisioner/config.toml", h.config+strings.Join(settings, "\n")+"\n")
}

// editDaemonJSON replaces a part of daemon.json, as another program would.
func (h *fakeHost) editDaemonJSON(from, to string) {
	h.Helper()
	text := h.read("etc/docker/daemon.json")
	if !strings.Contains(text, from) {
		h.Fatalf("daemon.json has no %q: %s", from, text)
	}
	h.write("etc/docker/daemon.json", strings.Replace(text, from, to, 1))
}

// process adds a process outside a sandbox to the fake /proc.
func (h *fakeHost) process(pid int, cgroup string, argv ...string) {
	h.Helper()
	dir := filepath.Join("proc", strconv.Itoa(pid))
	h.write(dir+"/stat", fmt.Sprintf("%d (x) S 1 %s%d 0 0\n", pid, strings.Repeat("0 ", 17), pid))
	h.write(dir+"/cmdline", strings.Join(argv, "\x00")+"\x00")
	h.write(dir+"/cgroup", cgroup)
	h.write(dir+"/status", "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n")
	h.write(dir+"/uid_map", "         0          0 4294967295\n")
	h.write(dir+"/mountinfo", "684 459 0:78 / / rw,relatime - overlay overlay rw\n")
	must(h.T, os.Symlink("/bin/sh", h.path(dir+"/exe")))
	must(h.T, os.Mkdir(h.path(dir+"/ns"), 0o755))
	for i, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		must(h.T, os.Symlink(fmt.Sprintf("%s:[%d]", kind, 4026531800+10*pid+i), h.path(dir+"/ns/"+kind)))
	}
}

func (h *fakeHost) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *fakeHost) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *fakeHost) proven() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proofs++
	return "a fake"
}

// prove is a proof outside Docker: runsc of the release next rejects an argument, and no sandbox starts with
// the argument bad, or of the unsound release.
func (h *fakeHost) prove(_ context.Context, s steps.Prove) (string, error) {
	seen := h.proven()
	if s.Release == next && slices.Contains(s.Args, gone) {
		return "", &proof.Failed{
			Release: s.Release, Runtime: s.Runtime, Args: s.Args, Err: errors.New("exit status 2"),
			Output: "flag provided but not defined: " + gone[1:] + "\nUsage: runsc <flags> <subcommand> <subcommand args>\n",
		}
	}
	if slices.Contains(s.Args, bad) || s.Release == h.unsound {
		return "", &proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, Err: errors.New("exit status 128")}
	}
	return seen, nil
}

func (h *fakeHost) tell(n status.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, n)
}

// kinds are those of the notices so far, each once.
func (h *fakeHost) kinds() (kinds []status.Kind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.told {
		if !slices.Contains(kinds, n.Kind) {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

func (h *fakeHost) measure(m Measure, _ time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.measured = append(h.measured, m)
}

func (h *fakeHost) publish(s status.Status) {
	h.mu.Lock()
	h.published = s
	h.mu.Unlock()
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// status is the one that was last published.
func (h *fakeHost) status() status.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.published
}

// await returns the first status for which is holds. Its limit only ends a test
// that has failed.
func (h *fakeHost) await(what string, is func(status.Status) bool) status.Status {
	h.Helper()
	for {
		if s := h.status(); is(s) {
			return s
		}
		select {
		case <-h.news:
		case <-time.After(2 * time.Minute):
			h.Fatalf("never %s: %+v\ntold of %v", what, h.status(), h.kinds())
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
