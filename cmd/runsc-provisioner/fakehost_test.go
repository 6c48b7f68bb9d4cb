package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/releases"
)

// fakeHost is a directory that stands for a host's file system, with a fake
// dockerd, systemd and release server. Processes are the real host's, but to
// verify those of a fake /proc.
type fakeHost struct {
	t       testing.TB
	root    string
	paths   host.Paths
	bucket  *bucket
	dockerd *fakeDockerd
	units   *fakeUnits
	proc    *fakeProc
	limits  release.Limits
	http    *http.Client // nil: the bucket's
	euid    int
	// inDockerErr is what a container of dockerd's says instead of starting; nil
	// lets it start.
	inDockerErr error
	// after, when set, runs after each step that was told to be done, before
	// the next one, with what the step does: prove, write, confirm.
	after func(action string)
	// ctx ends the commands; nil is the test's.
	ctx context.Context
	// lost is what a write to standard output fails with.
	lost error
}

// newFakeHost is a host with Docker, without gVisor, below root.
func newFakeHost(t testing.TB, root string) *fakeHost {
	t.Helper()
	at := func(path string) string { return filepath.Join(root, path) }
	d := newFakeDockerd(t)
	h := &fakeHost{
		t: t, root: root, bucket: newBucket(t), dockerd: d,
		paths: host.Paths{
			Etc: at("etc"), Config: at("etc/runsc-provisioner"), State: at("var/lib/runsc-provisioner"), Run: at("run/runsc-provisioner"), Store: at("usr/local/lib/gvisor"),
			Link: at("usr/local/bin/runsc"), Proc: "/proc", DaemonJSON: at("etc/docker/daemon.json"), Socket: d.socket,
		},
		limits: release.Limits{
			Tries: 3, FirstPause: time.Millisecond, LongestPause: 5 * time.Millisecond, RetryAfterMax: time.Second,
			ArtifactBytes: 32 << 20, UnpackedBytes: 64 << 20, MinRate: 1, VersionTime: time.Minute,
		},
	}
	h.units = newFakeUnits(d, h.paths.DaemonJSON)
	h.proc = newFakeProc(t, at("proc"))
	return h
}

// freshHost has no gVisor and the daemon.json given; none where it is "".
func freshHost(t *testing.T, daemonJSON string) *fakeHost {
	t.Helper()
	h := newFakeHost(t, t.TempDir())
	h.write("etc/runsc-provisioner/config.d/10-mirror.toml", "[release]\nurl = \""+releases.URL(origin, "")+"\"\n")
	if daemonJSON != "" {
		h.write("etc/docker/daemon.json", daemonJSON)
		if err := h.dockerd.load(h.paths.DaemonJSON); err != nil {
			t.Logf("fake dockerd does not take it: %v", err)
		}
	}
	return h
}

// olderHost runs its containers in the older release by default. It is what a
// fault must leave as it is.
func olderHost(t *testing.T) *fakeHost {
	t.Helper()
	needRoot(t)
	h := freshHost(t, "{\n\t\"log-driver\": \"local\"\n}")
	h.want(exitDone, "apply", "--release="+older, "--default-runtime")
	return h
}

// needRoot skips where no proof can run: its runsc has a mount namespace.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("needs root")
	}
}

// url is the flag for a release server with a fault.
func url(fault string) string { return "--url=" + releases.URL(origin, fault) }

// outcome is how one command ended. Paths in it are as on a real host.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s--- stderr\n%s", o.code, o.stdout, o.stderr)
}

// run carries out one command line in process.
func (h *fakeHost) run(args ...string) outcome {
	h.t.Helper()
	stdout, stderr := watched{after: h.after, lost: h.lost}, bytes.Buffer{}
	ctx := h.ctx
	if ctx == nil {
		ctx = h.t.Context()
	}
	client := h.http
	if client == nil {
		client = h.bucket.client(h.limits)
		defer client.CloseIdleConnections()
	}
	paths := h.paths
	if args[0] == "verify" || args[0] == "status" || args[0] == "debug-bundle" {
		paths.Proc = h.proc.root
	}
	code := run(ctx, &app{
		paths: paths, http: client, limits: h.limits, self: "/proc/self/exe",
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, euid: h.euid, owner: os.Geteuid(),
		inDocker: h.inDocker,
		systemd:  func(context.Context) (unitsCloser, error) { return h.units, nil },
	}, args)
	rerooted := strings.NewReplacer(h.root, "")
	return outcome{code, rerooted.Replace(stdout.String()), rerooted.Replace(stderr.String())}
}

// inDocker stands for the proof through dockerd, which here is a fake.
func (h *fakeHost) inDocker(context.Context, provision.ProveInDocker) (string, error) {
	return "a fake", h.inDockerErr
}

// want runs a command that has to end with code.
func (h *fakeHost) want(code int, args ...string) outcome {
	h.t.Helper()
	got := h.run(args...)
	if got.code != code {
		h.t.Fatalf("%s: got %v\nwant exit %d", strings.Join(args, " "), got, code)
	}
	return got
}

// watched is standard output, of which each line that tells a step is noticed
// as it is written.
type watched struct {
	bytes.Buffer
	after func(action string)
	lost  error
}

func (w *watched) Write(p []byte) (int, error) {
	if done, ok := strings.CutPrefix(string(p), "✓ "); ok && w.after != nil {
		w.after(strings.Fields(done)[0])
	}
	if w.lost != nil {
		return 0, w.lost
	}
	return w.Buffer.Write(p)
}

func (h *fakeHost) write(path, text string) {
	h.t.Helper()
	path = filepath.Join(h.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) read(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// runsc is the path that daemon.json has for a release.
func (h *fakeHost) runsc(name string) string { return filepath.Join(h.paths.Store, name, "runsc") }

// snapshot is all that a run which is refused must leave as it is: every file
// and link with its content, mode and times, and what dockerd was told. The
// lock and the directory it is in may come into being.
func (h *fakeHost) snapshot() map[string]string {
	h.t.Helper()
	seen := map[string]string{"reloads": fmt.Sprint(h.units.reloads)}
	err := filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(h.paths.State, "lock") || path == filepath.Join(h.paths.State, "before.json") || strings.HasPrefix(h.paths.State, path) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %v %x", info.ModTime(), sha256.Sum256(content))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " " + target
		}
		seen[strings.TrimPrefix(path, h.root)] = what
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return seen
}

// untouched fails the test when the host is not as it was.
func (h *fakeHost) untouched(before map[string]string) {
	h.t.Helper()
	if diff := cmp.Diff(before, h.snapshot()); diff != "" {
		h.t.Errorf("the host was touched (-before +after):\n%s", diff)
	}
}

// refuses runs a command that has to end with code, say all of said on
// standard error, and leave the host as it was.
func (h *fakeHost) refuses(code int, said []string, args ...string) outcome {
	h.t.Helper()
	before := h.snapshot()
	got := h.want(code, args...)
	h.untouched(before)
	for _, part := range said {
		if !strings.Contains(got.stderr, part) {
			h.t.Errorf("%s: got stderr %q, want it to have %q", strings.Join(args, " "), got.stderr, part)
		}
	}
	return got
}
