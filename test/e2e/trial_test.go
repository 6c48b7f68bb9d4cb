package e2e

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/test/lab"
)

const trialOwn = trial.Prefix + "e2e"

// trialSettings are defaults that keep a container from starting, or change how it runs, unless the container
// overrides them: nothing listens to the syslog.
const trialSettings = `"log-driver": "syslog", "init": true, "default-ipc-mode": "shareable", "no-new-privileges": false`

// Broken runtimes. dockerd asks a runtime for its features when it reads its configuration.
var trialRuntimes = map[string]lab.File{
	"/opt/hangs":  {Mode: 0o755, Content: "#!/bin/sh\ncase \"$*\" in *features*) exit 1;; esac\nsleep 1000\n"},
	"/opt/panics": {Mode: 0o755, Content: "#!/bin/sh\necho panic: no sentry >&2\nfor i in $(seq 500); do echo goroutine $i >&2; done\nexit 2\n"},
	"/opt/refuses": {Mode: 0o755, Content: `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done
printf '{"level":"error","msg":"no sentry %s end"}\n' "$(seq -s ' ' 4000)" >$log
exit 1
`},
}

const trialRuntimesJSON = `"runtimes": {"hangs": {"path": "/opt/hangs"}, "panics": {"path": "/opt/panics"}, "refuses": {"path": "/opt/refuses"}, "ends": {"path": "/bin/false"}}`

// trialHost is a lab host with a client of its dockerd and a program to run.
type trialHost struct {
	host
	client *engine.Client
	init   string
}

func newTrialHost(t *testing.T, suite, settings string) trialHost {
	t.Helper()
	files := map[string]lab.File{daemonJSON: {Content: "{" + settings + "}\n"}}
	for path, file := range trialRuntimes {
		files[path] = file
	}
	h := trialHost{host: boot(t, lab.Options{Suite: suite, Files: files}), init: filepath.Join(t.TempDir(), "init")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", h.init, "./cmd/trialinit")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build init: %v\n%s", err, out)
	}
	h.client = engineOpen(t, h.Host)
	return h
}

func (h trialHost) spec(runtime string, args ...string) trial.Spec {
	return trial.Spec{Name: trialOwn, Runtime: runtime, Init: h.init, Args: args}
}

// listed lists containers, images, volumes and processes, with the shims.
func (h trialHost) listed() string {
	h.t.Helper()
	return h.running() + h.run(`pgrep -af 'containerd-[s]him' || true`)
}

// running lists containers, images, volumes and processes, without the shims.
func (h trialHost) running() string {
	h.t.Helper()
	return h.run(`docker ps -aq --no-trunc; docker images -aq --no-trunc; docker volume ls -q
		pgrep -af 'runsc-[s]andbox|runsc-[g]ofer|/opt/[h]angs|[s]leep 1000'
		for shim in $(pgrep -f 'containerd-[s]him'); do pgrep -a -P $shim; done; true`)
}

// left is everything that a trial could leave behind. The isolated network namespace is shared by all of runsc's
// containers, and stays.
func (h trialHost) left() string {
	h.t.Helper()
	return h.listed() + h.run(`find /var/lib/docker/containers /var/lib/docker/*.*/containers /run/docker/runtime-*/* \
		/run/containerd/io.containerd.*/moby -mindepth 1 ! -name null-netns 2>/dev/null || true`)
}

func (h trialHost) nothingNew(before string) {
	h.t.Helper()
	h.same(before, h.left())
}

func TestTrial(t *testing.T) {
	t.Parallel()
	hosts := []struct{ situation, suite, settings, uids string }{
		{"trixie", "trixie", trialSettings, "0 0 4294967295"},
		{"bookworm", "bookworm", trialSettings, "0 0 4294967295"},
		{"trixie with remapped users", "trixie", trialSettings + `, "userns-remap": "default"`, "0 100000 65536"},
	}
	for _, tt := range hosts {
		t.Run(tt.situation, func(t *testing.T) {
			h := newTrialHost(t, tt.suite, tt.settings)
			h.run("runsc-provisioner apply --release " + newer)
			for _, runtime := range []string{"runc", "runsc"} {
				before := h.left()
				began := time.Now()
				started, err := trial.Start(t.Context(), h.client, h.spec(runtime))
				if err != nil {
					t.Fatalf("%s: %v", runtime, err)
				}
				line, err := started.Line(t.Context())
				if err != nil || strings.Contains(line, "gvisor") != (runtime == "runsc") {
					t.Errorf("%s: got line %q, %v", runtime, line, err)
				}
				if started.Runtime != runtime || started.Name != trialOwn || started.Privileged || started.UsernsMode != "" {
					t.Errorf("%s: got %+v", runtime, started.Container)
				}
				h.isProcess(started, runtime, tt.uids)
				looked := time.Now()
				if err := started.End(t.Context()); err != nil {
					t.Errorf("%s: End: %v", runtime, err)
				}
				t.Logf("%s: %v to the end of what was looked at, %v to the end", runtime, looked.Sub(began), time.Since(began))
				h.nothingNew(before)
				if err := started.End(t.Context()); err != nil {
					t.Errorf("%s: End again: %v", runtime, err)
				}
			}
		})
	}
}

// isProcess checks the trial's process from the host.
func (h trialHost) isProcess(started *trial.Trial, runtime, uids string) {
	h.t.Helper()
	proc := "/proc/" + strconv.Itoa(started.PID)
	if got := h.run("docker inspect -f '{{.State.Pid}}' " + trialOwn); got != strconv.Itoa(started.PID) {
		h.t.Errorf("%s: got pid %d, want %s", runtime, started.PID, got)
	}
	argv := h.run("tr '\\0' ' ' <" + proc + "/cmdline")
	if runtime == "runc" && argv != "/init" || runtime == "runsc" && !strings.HasPrefix(argv, "runsc-sandbox") {
		h.t.Errorf("%s: process %d is %q", runtime, started.PID, argv)
	}
	if runtime != "runc" {
		return // a sandbox has its own user namespace
	}
	if got := strings.Join(strings.Fields(h.run("cat "+proc+"/uid_map")), " "); got != uids {
		h.t.Errorf("%s: got uids %q, want %q", runtime, got, uids)
	}
	if status := h.run("cat " + proc + "/status"); !strings.Contains(status, "NoNewPrivs:\t1") || !strings.Contains(status, "CapBnd:\t0000000000000000") {
		h.t.Errorf("%s: not without privileges: %s", runtime, status)
	}
}

func TestFault_E09_TrialUnderARuntimeThatDoesNotWork(t *testing.T) {
	t.Parallel()
	faults := []struct {
		runtime string
		says    []string
	}{
		{"none", []string{"none"}},
		{"ends", []string{"/bin/false did not terminate successfully: exit status 1"}},
		{"refuses", []string{"no sentry 1 2 3", "4000 end"}},
		{"panics", []string{"/opt/panics did not terminate successfully: exit status 2"}},
		{"hangs", []string{context.DeadlineExceeded.Error()}},
	}
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) {
			h := newTrialHost(t, suite, trialRuntimesJSON)
			before := h.left()
			for _, tt := range faults {
				ctx, cancel := context.WithCancel(t.Context())
				if tt.runtime == "hangs" {
					ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
				}
				began := time.Now()
				_, err := trial.Start(ctx, h.client, h.spec(tt.runtime))
				cancel()
				failure, ok := errors.AsType[*trial.Error](err)
				if !ok || failure.Act != "start" && failure.Act != "create" {
					t.Fatalf("%s: got %v, want a start that failed", tt.runtime, err)
				}
				said := err.Error() + "\n" + failure.Output
				t.Logf("%s, after %v: %.300s", tt.runtime, time.Since(began), said)
				for _, words := range tt.says {
					if !strings.Contains(said, words) {
						t.Errorf("%s: got %s, want it to say %q", tt.runtime, said, words)
					}
				}
				if strings.Contains(said, "remove trial") {
					t.Errorf("%s: not removed: %s", tt.runtime, said)
				}
				h.nothingNew(before)
			}
			h.run("docker run --rm " + lab.Image + " true")
		})
	}
}

func TestTrialProcessThatMisbehaves(t *testing.T) {
	onEachTrial(t, func(t *testing.T, h trialHost) {
		before := h.left()
		tests := []struct{ how, want, output string }{
			{"fails", "its output ended", "no such luck\n"},
			{"floods", "longer than 4096 bytes", ""},
			{"stays", "", ""},
		}
		for _, tt := range tests {
			started, err := trial.Start(t.Context(), h.client, h.spec("runc", tt.how))
			if err == nil {
				_, err = started.Line(t.Context())
				ended, cancel := context.WithCancel(t.Context())
				if tt.how == "stays" {
					cancel() // long before the time limit of a process
				}
				if err := started.End(ended); err != nil {
					t.Errorf("%s: End: %v", tt.how, err)
				}
				cancel()
			}
			if tt.want == "" && err == nil {
				h.nothingNew(before)
				continue
			}
			// A short-lived process may end before the look at it.
			failure, ok := errors.AsType[*trial.Error](err)
			if !ok || failure.Output != tt.output || !strings.Contains(err.Error(), tt.want) && failure.Act != "inspect" {
				t.Errorf("%s: got %+v, want %q with the output %q", tt.how, err, tt.want, tt.output)
			}
			h.nothingNew(before)
		}
	})
}

func onEachTrial(t *testing.T, test func(*testing.T, trialHost)) {
	t.Helper()
	t.Parallel()
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) { test(t, newTrialHost(t, suite, trialSettings)) })
	}
}

func TestFault_E07_TrialWhileDockerdIsRestarted(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{`"live-restore": false`, `"live-restore": true`} {
		for _, suite := range suites(t) {
			t.Run(settings+" on "+suite, func(t *testing.T) {
				h := newTrialHost(t, suite, settings)
				before := h.listed()
				started, err := trial.Start(t.Context(), h.client, h.spec("runc"))
				if err != nil {
					t.Fatal(err)
				}
				h.run("systemctl restart docker.service")
				if line, err := started.Line(t.Context()); err != nil || line == "" {
					t.Errorf("Line: got %q, %v", line, err)
				}
				// It may have ended with its input.
				if _, told, err := started.Changes(t.Context()); told != (err == nil) {
					t.Errorf("Changes: told %t, %v, want an answer or an error", told, err)
				}
				if err := started.End(t.Context()); err != nil {
					t.Errorf("End: %v", err)
				}
				h.nothingListed(before)

				// At any point.
				running := h.running()
				for i := range 3 {
					restarted := make(chan error, 1)
					go func() {
						_, err := h.Run(t.Context(), "sh", "-c", "sleep 0."+strconv.Itoa(i+1)+"; systemctl reset-failed docker docker.socket; systemctl restart docker.service")
						restarted <- err
					}()
					started, err := trial.Start(t.Context(), h.client, h.spec("runc"))
					if err == nil {
						_, err = started.Line(t.Context())
						err = errors.Join(err, started.End(t.Context()))
					}
					t.Logf("restarted in the middle: %v", err)
					if err != nil && strings.Contains(err.Error(), "remove trial") {
						t.Errorf("not removed: %v", err)
					}
					if err := <-restarted; err != nil {
						t.Fatal(err)
					}
					h.nothingRuns(running)
				}
			})
		}
	}
}

// nothingListed ignores files: a dockerd that ends in the middle of a removal may leave a directory that no
// dockerd lists.
func (h trialHost) nothingListed(before string) {
	h.t.Helper()
	h.same(before, h.listed())
}

// nothingRuns also ignores shims: with live-restore, a dockerd that ends in the middle of a start may leave an
// empty one that no dockerd lists.
func (h trialHost) nothingRuns(before string) {
	h.t.Helper()
	h.same(before, h.running())
}

func (h trialHost) same(before, after string) {
	h.t.Helper()
	if after != before {
		h.t.Errorf("something was left\nbefore: %s\nafter:  %s", before, after)
	}
}
