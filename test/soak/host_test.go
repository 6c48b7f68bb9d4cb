package soak

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// A host is a lab host under the daemon.
type host struct {
	*lab.Host
	t *testing.T
}

func boot(t *testing.T) host {
	t.Helper()
	h := host{lab.ForTest(t, lab.Options{Name: "soak", Files: map[string]lab.File{ownConfig: {Content: config}}}), t}
	h.run("systemctl start runsc-provisioner")
	h.quiet()
	return h
}

func (h host) run(command string) string {
	h.t.Helper()
	r, err := h.Run(h.t.Context(), "bash", "-c", command)
	if err != nil {
		h.t.Fatal(err)
	}
	if r.Code != 0 {
		h.t.Fatalf("%s: %v", command, r)
	}
	return strings.TrimSpace(r.Stdout)
}

// status returns what the daemon last published; zero if nothing.
func (h host) status() (s status.Status) {
	text, err := os.ReadFile(h.Path("/run/runsc-provisioner/status.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return status.Status{}
	}
	return s
}

// quiet waits until the host matches the configuration and the daemon has
// checked it since.
func (h host) quiet() {
	h.t.Helper()
	for end := time.Now().Add(unrepaired); ; time.Sleep(20 * time.Millisecond) {
		if s := h.status(); s.State == status.StateEnforced && s.Containers.Known {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("does not match the configuration after %s: %+v", unrepaired, h.status())
		}
	}
}

// footprint is the daemon's use of resources.
type footprint struct{ fds, watches, threads, resident int }

// footprint measures a quiet daemon: after one more drift. A container that
// comes and goes shows that the daemon has received all its events.
func (h host) footprint() footprint {
	h.t.Helper()
	h.quiet()
	starts := h.status().Counts.Looks
	h.run("systemctl reload runsc-provisioner")
	for h.status().Counts.Looks == starts || !h.status().Containers.Known {
		time.Sleep(20 * time.Millisecond)
	}
	text := h.run(`p=$(systemctl show -p MainPID --value runsc-provisioner); ls /proc/$p/fd | wc -l; cat /proc/$p/fdinfo/* 2>/dev/null | grep -c ^inotify; ls /proc/$p/task | wc -l; awk '/^VmRSS/ {print $2}' /proc/$p/status`)
	var numbers []int
	for _, field := range strings.Fields(text) {
		n, err := strconv.Atoi(field)
		if err != nil {
			h.t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) != 4 {
		h.t.Fatalf("got %q, want four numbers", text)
	}
	return footprint{numbers[0], numbers[1], numbers[2], numbers[3]}
}

func (h host) count(command string) int {
	h.t.Helper()
	n, err := strconv.Atoi(h.run(command))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// starts returns how often Docker was started.
func (h host) starts() int {
	return h.count("journalctl -u docker -o cat --no-pager | grep -c '^Starting docker.service' || true")
}

// lines returns how many lines the daemon has logged.
func (h host) lines() int {
	return h.count("journalctl -u runsc-provisioner -o cat --no-pager | wc -l")
}
