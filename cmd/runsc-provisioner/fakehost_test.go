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

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/need"
	"runsc-provisioner/test/releases"
)

// fakeHost is a directory in place of a host's file system, with a fake dockerd,
// systemd and release server. Processes are those of the real host, except that
// verify sees a fake /proc.
type fakeHost struct {
	t       testing.TB
	root    string
	paths   host.Paths
	bucket  *bucket
	dockerd *fakedockerd.Host
	units   *fakeUnits
	proc    *fakeProc
	limits  release.Limits
	http    *http.Client // nil: the bucket's
	euid    int
	// inDockerErr is the error of a container that dockerd starts; nil lets it
	// start.
	inDockerErr error
	// after, if set, runs after the output says that a step is done and before
	// the next step, with the action of the step: prove, write, confirm.
	after func(action string)
	// ctx ends the commands; nil is the test's.
	ctx context.Context
	// lost is the error of every write to standard output; nil lets it through.
	lost error
}

// newFakeHost is a host with Docker and without gVisor, below root.
func newFakeHost(t testing.TB, root string) *fakeHost {
	t.Helper()
	at := func(path string) string { return filepath.Join(root, path) }
	d := fakedockerd.NewHost(t)
	h := &fakeHost{
		t: t, root: root, bucket: newBucket(t), dockerd: d,
		paths: host.Paths{
			Etc: at("etc"), Config: at("etc/runsc-provisioner"), State: at("var/lib/runsc-provisioner"), Run: at("run/runsc-provisioner"), Store: at("usr/local/lib/gvisor"),
			Link: at("usr/local/bin/runsc"), Proc: "/proc", DaemonJSON: at("etc/docker/daemon.json"), Socket: d.Socket,
		},
		limits: release.Limits{
			Download: download.Limits{
				Tries: 3, FirstPause: time.Millisecond, LongestPause: 5 * time.Millisecond, RetryAfterMax: time.Second, MinRate: 1,
			},
			ArtifactBytes: 32 << 20, UnpackedBytes: 64 << 20, VersionTime: time.Minute,
		},
	}
	h.units = newFakeUnits(d, h.paths.DaemonJSON)
	h.proc = newFakeProc(t, at("proc"))
	return h
}

// freshHost has no gVisor, and the given daemon.json; "" is no file.
func freshHost(t *testing.T, daemonJSON string) *fakeHost {
	t.Helper()
	h := newFakeHost(t, t.TempDir())
	h.write("etc/runsc-provisioner/config.d/10-mirror.toml", "[release]\nurl = \""+releases.URL(origin, "")+"\"\ntrust = \"checksum\"\n")
	if daemonJSON != "" {
		h.write("etc/docker/daemon.json", daemonJSON)
		if err := h.dockerd.Load(h.paths.DaemonJSON); err != nil {
			t.Logf("the fake dockerd refuses it: %v", err)
		}
	}
	return h
}

// olderHost runs its containers in the older release by default. A fault must not
// change it.
func olderHost(t *testing.T) *fakeHost {
	t.Helper()
	need.Root(t)
	h := freshHost(t, "{\n\t\"log-driver\": \"local\"\n}")
	h.want(exitDone, "apply", "--release="+older, "--default-runtime")
	return h
}

// url is the flag for a release server with this fault.
func url(fault string) string { return "--url=" + releases.URL(origin, fault) }

// outcome is how one command ended. Paths in it are as on a real host.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s--- stderr\n%s", o.code, o.stdout, o.stderr)
}

// run runs one command line in this process.
func (h *fakeHost) run(args ...string) outcome {
	h.t.Helper()
	stdout, stderr := stepWatcher{after: h.after, lost: h.lost}, bytes.Buffer{}
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
		console: console{stdout: &stdout, stderr: &stderr}, stdin: strings.NewReader(""), euid: h.euid, owner: os.Geteuid(),
		inDocker: h.inDocker,
		systemd:  func(context.Context) (unitsCloser, error) { return h.units, nil },
	}, args)
	rerooted := strings.NewReplacer(h.root, "")
	return outcome{code, rerooted.Replace(stdout.String()), rerooted.Replace(stderr.String())}
}

// inDocker replaces the proof through dockerd, because dockerd is a fake.
func (h *fakeHost) inDocker(context.Context, steps.ProveInDocker) (string, error) {
	return "a fake", h.inDockerErr
}

// want runs a command that must exit with code.
func (h *fakeHost) want(code int, args ...string) outcome {
	h.t.Helper()
	got := h.run(args...)
	if got.code != code {
		h.t.Fatalf("%s: got %v\nwant exit %d", strings.Join(args, " "), got, code)
	}
	return got
}

// stepWatcher is standard output. It calls after for each line that reports a step,
// as the line is written.
type stepWatcher struct {
	bytes.Buffer
	after func(action string)
	lost  error
}

func (w *stepWatcher) Write(p []byte) (int, error) {
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

// snapshot is everything that a refused run must not change: every file and link
// with its content, mode and times, and the number of reloads. The run may make
// the lock and its directory.
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

// untouched fails the test if the host differs from before.
func (h *fakeHost) untouched(before map[string]string) {
	h.t.Helper()
	if diff := cmp.Diff(before, h.snapshot()); diff != "" {
		h.t.Errorf("the host was changed (-before +after):\n%s", diff)
	}
}

// refuses runs a command that must exit with code, print all of said on standard
// error, and leave the host unchanged.
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
