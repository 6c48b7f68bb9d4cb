package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/verify"
)

// engineUnits are services that behave in ways that jobs must cope with.
var engineUnits = map[string]lab.File{
	"/etc/systemd/system/docker.service.d/10-lab.conf": {Content: "[Service]\nEnvironment=\"LAB=a b\"\n"},
	"/etc/systemd/system/lab-idle.service":             {Content: "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n"},
	"/etc/systemd/system/lab-fine.service":             {Content: "[Service]\nExecStart=/bin/sleep infinity\n"},
	"/etc/systemd/system/lab-fails.service":            {Content: "[Service]\nType=oneshot\nExecStart=/bin/false\n"},
	"/etc/systemd/system/lab-needs.service":            {Content: "[Unit]\nRequires=lab-fails.service\nAfter=lab-fails.service\n[Service]\nExecStart=/bin/sleep infinity\n"},
	"/etc/systemd/system/lab-slow.service":             {Content: "[Service]\nType=notify\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n"},
	"/etc/systemd/system/lab-late.service":             {Content: "[Unit]\nJobTimeoutSec=1\n[Service]\nType=notify\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n"},
	"/etc/systemd/system/lab-stubborn.service":         {Content: "[Service]\nTimeoutStopSec=infinity\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\nExecReload=/bin/true\n"},
	"/etc/systemd/system/lab-limited.service":          {Content: "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nExecStart=/bin/sleep infinity\n"},
	"/etc/default/docker":                              {Content: "# of the lab\nDOCKER_OPTS=\"--default-runtime=runc --label 'lab=a b'\"\n"},
}

// TestEngineOnHost runs, on a host, the tests of packages systemd and commandline
// that need a real systemd.
func TestEngineOnHost(t *testing.T) {
	t.Parallel()
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			h := lab.ForTest(t, lab.Options{
				Suite: suite, Binary: lab.NoBinary, Files: engineUnits,
				Binds: []lab.Bind{{Source: bin, Target: "/opt/tests", ReadOnly: true}},
			})
			engineRun(t, h, "systemctl", "mask", "lab-masked.service")
			for name, pkg := range map[string]string{"commandline.test": "provision/commandline", "systemd.test": "systemd"} {
				build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "labhost", "-o", filepath.Join(bin, name), "runsc-provisioner/"+pkg)
				build.Env = append(os.Environ(), "CGO_ENABLED=0")
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("build %s: %v\n%s", name, err, out)
				}
				r, err := h.Run(t.Context(), "/opt/tests/"+name, "-test.v", "-test.run", "^TestHost")
				if err != nil || r.Code != 0 || !strings.Contains(r.Stdout, "--- PASS: TestHost") {
					t.Errorf("%s: %v, %v", name, err, r)
				} else {
					t.Logf("%s:\n%s", name, r.Stdout)
				}
			}
		})
	}
}

// engineRun runs a command that must succeed, and returns its output.
func engineRun(t *testing.T, h *lab.Host, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := h.Run(ctx, argv...)
	if err != nil || r.Code != 0 {
		t.Fatalf("%q: %v, %v", argv, err, r)
	}
	return strings.TrimSpace(r.Stdout)
}

func engineOpen(t *testing.T, h *lab.Host) *engine.Client {
	t.Helper()
	c, err := engine.Open(h.Path("/run/docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEngineAnswersOfRealDockerd(t *testing.T) {
	t.Parallel()
	versions := map[string]string{"trixie": "26.1.", "bookworm": "20.10."}
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := lab.ForTest(t, lab.Options{Suite: suite, Binary: lab.NoBinary, Files: map[string]lab.File{
				"/etc/docker/daemon.json": {Content: `{"runtimes":{"other":{"path":"/usr/sbin/runc","runtimeArgs":["--debug"]}},"live-restore":true}`},
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			c := engineOpen(t, h)
			if _, err := c.Info(ctx); err != nil {
				t.Fatalf("Info: %v", err)
			}

			happened, ended := c.Events(ctx, time.Now())
			id := engineRun(t, h, "docker", "run", "-d", "--name", "plain", "-p", "127.0.0.1:8080:80", "--dns", "192.0.2.1", lab.Image, "sleep", "1000")
			// A lab host lacks capabilities that bookworm's runc gives containers.
			privileged := suite != "bookworm"
			open := engineRun(t, h, "docker", "run", "-d", "--name", "open", "--runtime=other", fmt.Sprintf("--privileged=%t", privileged), "--network=host", "--pid=host", "--userns=host", lab.Image, "sleep", "1000")
			odd := engineOddContainer(t, h)
			paused := engineRun(t, h, "docker", "run", "-d", "--name", "paused", lab.Image, "sleep", "1000")
			engineRun(t, h, "docker", "pause", paused)
			ended1 := engineRun(t, h, "docker", "run", "-d", "--name", "ended", lab.Image, "true")
			engineRun(t, h, "docker", "wait", ended1)
			engineRun(t, h, "systemctl", "reload", "docker.service")

			engineWantEvents(t, happened, ended, []string{
				"container create " + id, "container start " + id, "container create " + open, "container start " + open,
				"container create " + odd, "container start " + odd, "container create " + paused, "container start " + paused,
				"container create " + ended1, "container start " + ended1, "container die " + ended1, "daemon reload",
			})

			info, err := c.Info(ctx)
			t.Logf("%+v", info)
			if err != nil || !strings.HasPrefix(info.Version, versions[suite]) || info.DefaultRuntime != "runc" || info.OSType != "linux" ||
				info.RootDir != "/var/lib/docker" || info.UsernsRemap || info.Rootless || !info.LiveRestore || info.Running != 4 || info.StorageDriver != "overlay2" {
				t.Errorf("Info: got %+v, %v", info, err)
			}
			if got := info.Runtimes["other"]; got.Path != "/usr/sbin/runc" || !slices.Equal(got.Args, []string{"--debug"}) {
				t.Errorf("runtime: got %+v", got)
			}

			containers, err := c.Containers(ctx)
			if err != nil || len(containers) != 4 {
				t.Fatalf("Containers: got %+v, %v, want the four that run", containers, err)
			}
			byName := map[string]verify.Container{}
			for _, one := range containers {
				byName[one.Name] = one
				if one.Image != lab.Image || !strings.HasPrefix(one.ImageID, "sha256:") || one.PID < 2 || time.Since(one.Created).Abs() > time.Hour {
					t.Errorf("got %+v", one)
				}
				if pid := engineRun(t, h, "docker", "inspect", "-f", "{{.State.Pid}}", one.ID); !strings.HasPrefix(engineRun(t, h, "cat", "/proc/"+pid+"/comm"), "sleep") {
					t.Errorf("process %s is not the container's", pid)
				}
			}
			got := byName["plain"]
			if got.ID != id || got.Runtime != "runc" || got.Privileged || got.UsernsMode != "" || len(got.HostNamespaces) > 0 {
				t.Errorf("got %+v", got)
			}
			got = byName["open"]
			if got.ID != open || got.Runtime != "other" || got.Privileged != privileged || got.UsernsMode != "host" || !slices.Contains(got.HostNamespaces, "pid") || !slices.Contains(got.HostNamespaces, "network") {
				t.Errorf("got %+v", got)
			}
			if byName["paused"].ID != paused {
				t.Errorf("the paused container is missing in %+v", containers)
			}
		})
	}
}

// engineOddContainer runs a container with a port published on an invalid address. The docker command refuses
// that, dockerd does not.
func engineOddContainer(t *testing.T, h *lab.Host) string {
	t.Helper()
	dockerd := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.Path("/run/docker.sock"))
	}}}
	body := `{"Image":"` + lab.Image + `","Cmd":["sleep","1000"],"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"localhost","HostPort":"8081"}]}}}`
	response, err := dockerd.Post("http://docker/containers/create?name=odd", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	dockerd.CloseIdleConnections()
	engineRun(t, h, "docker", "start", "odd")
	return engineRun(t, h, "docker", "inspect", "-f", "{{.Id}}", "odd")
}

func engineWantEvents(t *testing.T, happened <-chan engine.Event, ended <-chan error, want []string) {
	t.Helper()
	for _, want := range want {
		select {
		case event := <-happened:
			got := event.Type + " " + event.Action
			if event.Type == "container" {
				got += " " + event.ID
			}
			if got != want {
				t.Errorf("event: got %s, want %s", got, want)
			}
			if event.Action == "reload" && (event.Attributes["default-runtime"] != "runc" || !strings.Contains(event.Attributes["runtimes"], "other")) {
				t.Errorf("reload: got %v, want the default runtime and the runtimes", event.Attributes)
			}
		case err := <-ended:
			t.Fatalf("events ended before %s: %v", want, err)
		}
	}
}

// Containers start and end while they are listed, and dockerd restarts while its events are watched.
func TestEngineFault_E07_ContainersAndDockerdComeAndGo(t *testing.T) {
	t.Parallel()
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := lab.ForTest(t, lab.Options{Suite: suite, Binary: lab.NoBinary})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			c := engineOpen(t, h)
			stays := engineRun(t, h, "docker", "run", "-d", "--restart=always", lab.Image, "sleep", "1000")

			var done atomic.Bool
			churned := make(chan string, 1)
			go func() {
				defer done.Store(true)
				r, err := h.Run(ctx, "sh", "-ec", "for i in 1 2 3 4 5 6 7 8; do docker run --rm "+lab.Image+" sleep 0.1; done")
				if err != nil || r.Code != 0 {
					churned <- r.String()
				}
				close(churned)
			}()
			looks, most := 0, 0
			for !done.Load() {
				containers, err := c.Containers(ctx)
				if err != nil || !slices.ContainsFunc(containers, func(one verify.Container) bool { return one.ID == stays }) {
					t.Fatalf("got %+v, %v, want at least %s", containers, err, stays)
				}
				looks, most = looks+1, max(most, len(containers))
			}
			if failed := <-churned; failed != "" {
				t.Fatal(failed)
			}
			if most < 2 {
				t.Errorf("none of the containers that came and went was seen in %d looks", looks)
			}

			happened, ended := c.Events(ctx, time.Now())
			go func() {
				for range happened {
				}
			}()
			engineRun(t, h, "systemctl", "restart", "docker.service")
			if err := <-ended; err == nil || ctx.Err() != nil {
				t.Errorf("events over a restart: got %v, want the end of the stream", err)
			}
			if _, err := c.Info(ctx); err != nil {
				t.Errorf("Info after a restart: %v", err)
			}
		})
	}
}
