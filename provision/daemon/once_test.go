package daemon

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/process"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/fakedockerd"
)

func TestStatusWithoutADaemon(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fakeHost)
		want   status.State
		docker string
	}{
		{"all is as configured", func(*fakeHost) {}, status.StateEnforced, "26.1.5, active"},
		{"daemon.json has drifted", func(h *fakeHost) { h.editDaemonJSON(right, wrong) }, status.StateDrifted, "26.1.5, active"},
		{"dockerd runs with other settings", func(h *fakeHost) { h.dockerd.Forget() }, status.StateDrifted, "26.1.5, active"},
		{"docker is stopped", func(h *fakeHost) {
			h.units.set(func(u *host.Unit) { u.ActiveState = "inactive" })
		}, status.StateWaiting, "inactive"},
		{"docker is not installed", func(h *fakeHost) {
			h.units.set(func(u *host.Unit) { u.LoadState = "not-found" })
		}, status.StateWaiting, "not known"},
		{"a container runs outside", func(h *fakeHost) {
			id := strings.Repeat("c", 64)
			h.process(77, "0::/docker/"+id+"\n", "sleep")
			h.dockerd.SetContainers(fakedockerd.Container{ID: id, Name: "web", Runtime: "runc", PID: 77})
		}, status.StateEnforced, "26.1.5, active"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			test.change(h)
			before := h.read("etc/docker/daemon.json")
			reloads, _ := h.units.counts()
			s, err := LookOnce(t.Context(), &h.daemon.Host.Host, at(7))
			if err != nil {
				t.Fatal(err)
			}
			if s.State != test.want || s.Docker != test.docker || !s.LastLook.Equal(at(7)) {
				t.Errorf("got %q, docker %q, want %s, %q", s.Line, s.Docker, test.want, test.docker)
			}
			if len(h.dockerd.Containers) > 0 && (s.Containers.Outside != 1 || len(s.Containers.Strays) != 1) {
				t.Errorf("got %+v, want one container that should be in a sandbox", s.Containers)
			}
			if got, _ := h.units.counts(); got != reloads || h.read("etc/docker/daemon.json") != before {
				t.Error("the look has changed the host")
			}
			if Runs(s) {
				t.Error("got a running daemon")
			}
		})
	}
}

func TestRunsIsForThisProcessOnly(t *testing.T) {
	s := status.Status{PID: os.Getpid(), PIDStart: process.Start(os.Getpid())}
	if !Runs(s) {
		t.Errorf("got this process, started at %d, as ended", s.PIDStart)
	}
	s.PIDStart++ // another process got the pid
	if Runs(s) || Runs(status.Status{PID: 1 << 30, PIDStart: 1}) || Runs(status.Status{PID: os.Getpid()}) {
		t.Error("got a daemon that has ended as running")
	}
}

func TestSuspendedIsADaemonThatASignalHolds(t *testing.T) {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = child.Process.Kill(), child.Wait() })
	s := status.Status{PID: child.Process.Pid, PIDStart: process.Start(child.Process.Pid)}
	for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		var changed unix.WaitStatus
		if err := unix.Kill(s.PID, signal); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Wait4(s.PID, &changed, unix.WUNTRACED|unix.WCONTINUED, nil); err != nil {
			t.Fatal(err)
		}
		if got := Suspended(s); got != (signal == unix.SIGSTOP) || !Runs(s) {
			t.Errorf("after %v: got suspended %t, running %t", signal, got, Runs(s))
		}
	}
	s.PIDStart++
	if Suspended(s) {
		t.Error("got another process as the daemon")
	}
}

func TestRuntimeThatWasNeverProvenIsNotEnforced(t *testing.T) {
	for _, test := range []struct {
		state  status.State
		health checkup.Health
		want   status.State
	}{
		{status.StateEnforced, checkup.Healthy, status.StateEnforced},
		{status.StateEnforced, checkup.Warning, status.StateDrifted},
		{status.StateWaiting, checkup.Warning, status.StateWaiting},
	} {
		s := status.Status{State: test.state, Host: []checkup.Item{{Name: checkup.RuntimeItemName("runsc"), Health: test.health}}}
		if s.AtMostItsTable(nil); s.State != test.want {
			t.Errorf("%s with a runtime of health %v: got %s, want %s", test.state, test.health, s.State, test.want)
		}
	}
}

// A run was killed in the middle of its change: neither a look nor a daemon that cannot settle it calls that
// enforced.
func TestFault_X01_AnOpenJournalIsNotEnforced(t *testing.T) {
	const (
		unfinished = `{"schema_version": 1, "daemon_json": {"path": "/etc/docker/daemon.json"}}`
		newer      = `{"schema_version": 9}`
	)
	for _, test := range []struct {
		name, text string
		locked     bool
		want       status.State
		health     checkup.Health
	}{
		{name: "unfinished", text: unfinished, want: status.StateDrifted, health: checkup.Critical},
		{name: "damaged", text: "", want: status.StateDrifted, health: checkup.Critical},
		{name: "of a newer version", text: newer, want: status.StateDrifted, health: checkup.Critical},
		{name: "of a run that lives", text: unfinished, locked: true, want: status.StateWaiting, health: checkup.Warning},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			h.write("var/lib/runsc-provisioner/journal.json", test.text)
			if test.locked {
				unlock, err := h.daemon.Host.State().Lock(t.Context(), 0)
				must(t, err)
				defer func() { _ = unlock() }()
			}
			s, err := LookOnce(t.Context(), &h.daemon.Host.Host, at(7))
			must(t, err)
			if got := journalHealth(s); s.State != test.want || len(got) != 1 || got[0] != test.health {
				t.Errorf("got %q, the journal %v, want %s and %s", s.Line, got, test.want, test.health)
			}
			h.units.set(func(u *host.Unit) { u.LoadState = "not-found" })
			s, err = LookOnce(t.Context(), &h.daemon.Host.Host, at(8))
			must(t, err)
			if got := journalHealth(s); s.State == status.StateEnforced || len(got) != 1 || got[0] != test.health {
				t.Errorf("docker is not installed: got %q, the journal %v, want %s", s.Line, got, test.health)
			}
		})
	}
}

// The daemon cannot settle the change of a newer version. It sets the journal aside and goes
// on enforcing, and its status says so, again and again.
func TestFault_X11_TheDaemonSetsAJournalAsideThatItCannotSettle(t *testing.T) {
	h := provisionedHost(t)
	h.write("var/lib/runsc-provisioner/journal.json", `{"schema_version": 9}`)
	for range 2 {
		s := h.round(becauseTimer)
		aside := slices.ContainsFunc(s.Host, func(i checkup.Item) bool { return i.Name == "recovery" && i.Health == checkup.Warning })
		if s.State != status.StateEnforced || journalHealth(s) != nil || !aside {
			t.Errorf("got %q, %+v, want it enforced, and the journal set aside", s.Line, s.Host)
		}
		h.pass(lastRetry)
	}
	if all := h.daemon.Host.State().FailedRecoveries(); len(all) != 1 {
		t.Errorf("got %+v set aside, want the journal", all)
	}
}

// A run was killed after the daemon's last look.
func TestFault_X01_AJournalSinceTheLastLookOfTheDaemon(t *testing.T) {
	open := func(s state.JournalState) *state.OpenJournal { return &state.OpenJournal{Path: "/j", State: s} }
	for _, test := range []struct {
		state status.State
		open  *state.OpenJournal
		want  status.State
		items int
	}{
		{status.StateEnforced, nil, status.StateEnforced, 0},
		{status.StateEnforced, open(state.JournalUnfinished), status.StateDrifted, 1},
		{status.StateHeld, open(state.JournalUnreadable), status.StateDrifted, 1},
		{status.StateFailing, open(state.JournalNewer), status.StateFailing, 1},
		{status.StateWaiting, open(state.JournalUnfinished), status.StateWaiting, 1},
		{status.StateEnforced, open(state.JournalRunning), status.StateEnforced, 1}, // perhaps the daemon's own
	} {
		s := status.Status{State: test.state}
		for range 2 {
			if s.AddJournal(test.open); s.State != test.want || len(journalHealth(s)) != test.items {
				t.Errorf("%s, %+v: got %s and %v, want %s and %d items", test.state, test.open, s.State, journalHealth(s), test.want, test.items)
			}
		}
	}
}

func journalHealth(s status.Status) (all []checkup.Health) {
	for _, item := range s.Host {
		if item.Name == checkup.JournalItemName {
			all = append(all, item.Health)
		}
	}
	return all
}

func TestStateIsNeverBetterThanTheTable(t *testing.T) {
	critical := []checkup.Item{{Name: "dockerd"}, {Name: "id ranges", Health: checkup.Critical, Seen: "they are lost"}}
	for _, once := range []bool{true, false} {
		s := status.Status{Host: critical}
		if s.Sum(""); once {
			s.AtMostItsTable(nil)
		}
		if want := map[bool]status.State{true: status.StateDrifted, false: status.StateFailing}[once]; s.State != want || !strings.Contains(s.Line, "they are lost") {
			t.Errorf("one look %t: got %q, want %s", once, s.Line, want)
		}
	}
}
