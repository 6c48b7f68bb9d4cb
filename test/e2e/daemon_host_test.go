package e2e

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const (
	statusFile = "/run/runsc-provisioner/status.json"
	ownConfig  = "/etc/runsc-provisioner/config.d/60-test.toml"
	asDefault  = "[docker]\ndefault_runtime = \"runsc\"\n"
)

// kept boots a host on which the daemon runs as its unit, with text as configuration. At the end, the unit's
// journal must show no refused access.
func kept(t *testing.T, o lab.Options, text string) host {
	t.Helper()
	files := map[string]lab.File{ownConfig: {Content: text}}
	for path, file := range o.Files {
		files[path] = file
	}
	o.Files = files
	h := boot(t, o)
	h.run("systemctl start runsc-provisioner")
	if o.Docker == lab.DockerRunning {
		h.enforced()
	}
	t.Cleanup(h.neverRefused)
	return h
}

// neverRefused fails the test if the unit's restrictions refused anything.
func (h host) neverRefused() {
	r, err := h.Run(context.Background(), "sh", "-c", "journalctl -u runsc-provisioner -o cat --no-pager | grep -iE 'operation not permitted|permission denied|read-only file system|bad system call|SIGSYS|watchdog'; coredumpctl --no-pager list 2>/dev/null | grep runsc")
	if err != nil {
		h.t.Error(err)
	}
	if r.Stdout != "" {
		h.t.Errorf("the unit was kept from something: %s", r.Stdout)
	}
}

// status is the status that the daemon published last.
func (h host) status() (s status.Status) {
	h.t.Helper()
	text, err := os.ReadFile(h.Path(statusFile))
	if os.IsNotExist(err) {
		return s
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// awaits waits until the daemon's status satisfies a condition.
func (h host) awaits(what string, is func(status.Status) bool) status.Status {
	h.t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		s := h.status()
		if is(s) {
			return s
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the daemon's status does not become %q: %+v", what, s)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// enforced waits until the host matches the configuration.
func (h host) enforced() status.Status {
	h.t.Helper()
	return h.awaits("enforced", func(s status.Status) bool { return s.State == status.StateEnforced })
}

// repaired changes the host and waits until the daemon has repaired items.
func (h host) repaired(change string, items ...string) status.Status {
	h.t.Helper()
	before := h.status()
	h.run(change)
	return h.awaits("repaired ("+strings.Join(items, ", ")+") after "+change, func(s status.Status) bool {
		for _, item := range items {
			if s.Counts.Repairs[item] <= before.Counts.Repairs[item] {
				return false
			}
		}
		return s.State == status.StateEnforced
	})
}

// looked makes the daemon repair something else, and waits for it. What the daemon has not done by then, it
// does not do.
func (h host) looked() status.Status {
	h.t.Helper()
	before := h.status().Counts.Repairs["link"]
	h.run("rm " + link)
	return h.awaits("aware of the link", func(s status.Status) bool { return s.Counts.Repairs["link"] > before })
}

// starts is how often Docker has started.
func (h host) starts() int {
	h.t.Helper()
	n, err := strconv.Atoi(h.run("journalctl -u docker -o cat --no-pager | grep -c '^Starting docker.service' || true"))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// dockerHas are the settings that dockerd reports.
func (h host) dockerHas() string {
	h.t.Helper()
	return h.run(`docker info -f '{{.DefaultRuntime}} {{with index .Runtimes "runsc"}}{{.Path}}{{end}}'`)
}

// wantsRunsc fails the test unless daemon.json and dockerd match asDefault.
func (h host) wantsRunsc() {
	h.t.Helper()
	var text struct {
		Runtimes map[string]struct{ Path string }
		Default  string `json:"default-runtime"`
	}
	if err := json.Unmarshal([]byte(h.read(daemonJSON)), &text); err != nil {
		h.t.Fatal(err)
	}
	path := store + "/" + newer + "/runsc"
	if text.Default != "runsc" || text.Runtimes["runsc"].Path != path {
		h.t.Errorf("daemon.json: got %+v, want runsc at %s as the default", text, path)
	}
	if got, want := h.dockerHas(), "runsc "+path; got != want {
		h.t.Errorf("dockerd: got %s, want %s", got, want)
	}
}
