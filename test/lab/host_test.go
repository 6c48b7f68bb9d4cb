package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a program that must succeed and returns its output, trimmed.
func run(t *testing.T, h *Host, argv ...string) string {
	t.Helper()
	r, err := h.Run(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != 0 {
		t.Fatalf("%s: got %s", strings.Join(argv, " "), r)
	}
	return strings.TrimSpace(r.Stdout)
}

// leftovers lists what is left of a host on the machine.
func leftovers(t *testing.T, cache, id string) []string {
	t.Helper()
	var left []string
	for _, pattern := range []string{
		"/sys/fs/cgroup/lab-" + id, "/sys/fs/cgroup/*/lab-" + id, "/run/systemd/nspawn/propagate/" + id,
		filepath.Join(cache, "hosts", id+"*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, id) {
			left = append(left, "mount: "+line)
		}
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		// A process may end between the two looks.
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), id) {
			left = append(left, "process: "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return left
}

func TestHost_BothSuitesSideBySideRunGVisorAndLeaveNothing(t *testing.T) {
	for _, suite := range Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := ForTest(t, Options{Suite: suite, Binary: NoBinary, Files: map[string]File{
				"/etc/docker/daemon.json": {Content: `{"runtimes":{"runsc":{"path":"/opt/gvisor/runsc","runtimeArgs":["--ignore-cgroups"]}}}`},
			}})
			const install = `set -e
mkdir -p /opt/gvisor && cd /opt/gvisor
url=https://` + ReleaseHost + `/gvisor/releases/release/latest/$(uname -m)
curl -fsSO $url/gvisor.tar.zstd -fsSO $url/gvisor.tar.zstd.sha512
sha512sum -c gvisor.tar.zstd.sha512
tar --zstd -xf gvisor.tar.zstd`
			run(t, h, "sh", "-c", install)
			if got, want := run(t, h, "/opt/gvisor/runsc", "--version"), "runsc version release-20260914.0"; !strings.HasPrefix(got, want) {
				t.Errorf("latest: got %q, want %q", got, want)
			}
			if got, want := run(t, h, "docker", "run", "--rm", "--runtime=runsc", Image, "uname", "-r"), "4.19.0-gvisor"; got != want {
				t.Errorf("kernel in the sandbox: got %q, want %q", got, want)
			}
			run(t, h, "docker", "run", "--detach", "--runtime=runsc", Image, "sleep", "1000")
			run(t, h, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &")

			if got := leftovers(t, h.cache.Dir(), h.Name()); len(got) == 0 {
				t.Fatal("a running host was not found: this test would not find one left over")
			}
			if err := h.Close(); err != nil {
				t.Errorf("close: got %v", err)
			}
			if got := leftovers(t, h.cache.Dir(), h.Name()); len(got) != 0 {
				t.Errorf("left over: got %q, want nothing", got)
			}
			if err := h.Close(); err != nil {
				t.Errorf("second close: got %v", err)
			}
			if _, err := h.Run(t.Context(), "true"); err == nil {
				t.Error("run after close: got no error")
			}
		})
	}
}

func TestHost_DockerAsAskedFor(t *testing.T) {
	for _, test := range []struct {
		docker          Docker
		service, socket string
	}{
		{DockerRunning, "active", "active"},
		{DockerOnDemand, "inactive", "active"},
		{DockerStopped, "inactive", "inactive"},
	} {
		t.Run(fmt.Sprintf("%s with socket %s", test.service, test.socket), func(t *testing.T) {
			t.Parallel()
			h := ForTest(t, Options{Docker: test.docker, Binary: NoBinary, Name: fmt.Sprintf("docker-%d", test.docker)})
			r, err := h.Run(t.Context(), "systemctl", "is-active", "docker.service", "docker.socket")
			if got, want := r.Stdout, test.service+"\n"+test.socket+"\n"; err != nil || got != want {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
		})
	}
}

func TestHost_FilesBindsAndConfig(t *testing.T) {
	shared := t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "note"), []byte("from the machine"), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(shared, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho product\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := ForTest(t, Options{
		Docker:        DockerStopped,
		Binary:        program,
		WithoutConfig: true,
		Files:         map[string]File{"/etc/docker/daemon.json": {Content: "{}", Mode: 0o600}},
		Binds:         []Bind{{Source: shared, Target: "/mnt/a:b", ReadOnly: true}},
	})
	for _, test := range []struct{ command, want string }{
		{"cat /etc/docker/daemon.json; stat -c %a:%U /etc/docker/daemon.json", "{}600:root"},
		{"cat /mnt/a:b/note", "from the machine"},
		{"touch /mnt/a:b/x 2>/dev/null || echo read-only", "read-only"},
		{"runsc-provisioner", "product"},
		{"ls -A /etc/runsc-provisioner 2>/dev/null || echo none", "none"},
		{"systemctl is-system-running", "running"},
	} {
		if got := run(t, h, "sh", "-c", test.command); got != test.want {
			t.Errorf("%s: got %q, want %q", test.command, got, test.want)
		}
	}
	if err := os.WriteFile(h.Path("/etc/written"), []byte("direct"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run(t, h, "cat", "/etc/written"); got != "direct" {
		t.Errorf("written through Path: got %q, want %q", got, "direct")
	}
}

func TestHost_Run(t *testing.T) {
	t.Setenv("LAB_SECRET", "of the machine")
	h := ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary})

	r, err := h.RunWith(t.Context(), Command{
		Argv: []string{"sh", "-c", "cat; echo $GIVEN$LAB_SECRET >&2; exit 7"}, Env: []string{"GIVEN=x"}, Stdin: strings.NewReader("input"),
	})
	if want := (Result{Stdout: "input", Stderr: "x\n", Code: 7}); err != nil || r != want {
		t.Errorf("got %v (%v), want %v", r, err, want)
	}
	if r, err := h.Run(t.Context(), "sh", "-c", "kill -TERM $$"); err != nil || r.Code != 128+15 {
		t.Errorf("killed by SIGTERM: got code %d (%v), want %d", r.Code, err, 128+15)
	}
	if got := run(t, h, "cat", "/proc/self/cgroup"); !strings.Contains(got, "0::/lab-run-") {
		t.Errorf("cgroup as the host sees it: got %q, want one below its root", got)
	}
}

func TestHost_EndedContextKillsTheProgramAndItsChildren(t *testing.T) {
	h := ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	started := writerFunc(func(p []byte) (int, error) {
		cancel(enough) // once the program runs
		return len(p), nil
	})
	_, err := h.RunWith(ctx, Command{Argv: []string{"sh", "-c", "sleep 4711 & echo started; wait"}, Stdout: started})
	if !errors.Is(err, enough) {
		t.Errorf("got error %v, want %v", err, enough)
	}
	if r, err := h.Run(t.Context(), "pgrep", "-f", "sleep 4711"); err != nil || r.Code != 1 {
		t.Errorf("pgrep: got %v (%v), want nothing found", r, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestHost_ReleaseServerStopsAndStarts(t *testing.T) {
	h := ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary})
	const refused = 7 // curl's exit status for a refused connection
	url := "https://" + ReleaseHost + "/gvisor/releases/release/latest/" + Arch() + "/gvisor.tar.zstd.sha512"
	for _, step := range []struct {
		name string
		do   func(context.Context) error
		want int
	}{
		{"booted", func(context.Context) error { return nil }, 0},
		{"stopped", h.StopReleases, refused},
		{"started", h.StartReleases, 0},
	} {
		if err := step.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if r, err := h.Run(t.Context(), "curl", "-fsS", url); err != nil || r.Code != step.want {
			t.Errorf("%s: got %v (%v), want exit %d", step.name, r, err, step.want)
		}
	}
}
