package daemon

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/need"
)

// running starts a daemon with the real clock and real hints, which installs the
// release. The function it returns ends it.
func running(t *testing.T, settings ...string) (h *fakeHost, stop func() error) {
	t.Helper()
	h = newFakeHost(t, append([]string{"[docker]", `default_runtime = "runsc"`}, settings...)...)
	h.turn <- struct{}{}
	h.daemon.Now = time.Now
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.daemon.Run(ctx) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	h.await("enforced", func(s status.Status) bool { return s.State == status.StateEnforced && s.Containers.Known })
	return h, stop
}

func enforced(s status.Status) bool { return s.State == status.StateEnforced }

func TestDaemonRepairsWhatIsChanged(t *testing.T) {
	t.Parallel()
	h, stop := running(t)
	before := h.read("etc/docker/daemon.json")
	h.editDaemonJSON(right, wrong)
	h.await("repaired", func(s status.Status) bool { return enforced(s) && s.LastDrift != nil && !s.LastDrift.Repaired.IsZero() })
	if got := h.read("etc/docker/daemon.json"); got != before {
		t.Errorf("daemon.json: got %s\nwant %s", got, before)
	}
	if err := stop(); err != nil {
		t.Errorf("got error %v at its end", err)
	}
	kinds := h.kinds()
	if kinds[0] != status.Started || kinds[len(kinds)-1] != status.Stopping || !slices.Contains(kinds, status.Repaired) || slices.Contains(kinds, status.Failed) {
		t.Errorf("told of %v", kinds)
	}
}

func TestDaemonStopsContainersOutsideASandbox(t *testing.T) {
	t.Parallel()
	h, _ := running(t, "[enforce]", `unsandboxed = "stop"`)
	id := strings.Repeat("c", 64)
	h.process(77, "0::/docker/"+id+"\n", "sleep", "900")
	h.dockerd.Start(fakedockerd.Container{ID: id, Name: "web", Runtime: "runc", PID: 77})
	s := h.await("aware that it was stopped", func(s status.Status) bool { return s.Counts.Stopped == 1 })
	if s.Counts.Unsandboxed != 1 || s.Containers.Outside != 1 || len(s.Containers.Strays) != 1 || s.Containers.Strays[0].Name != "web" {
		t.Errorf("got %+v, %d starts outside", s.Containers, s.Counts.Unsandboxed)
	}
	if got := h.dockerd.Stopped(); !slices.Equal(got, []string{id}) {
		t.Errorf("dockerd was told to stop %v, want %s", got, id)
	}
	h.dockerd.Remove(id)
	h.await("aware of its end", func(s status.Status) bool { return s.Containers.Outside == 0 })
	if kinds := h.kinds(); !slices.Contains(kinds, status.Unsandboxed) || !slices.Contains(kinds, status.Stopped) {
		t.Errorf("told of %v", kinds)
	}
}

func TestDaemonReportsContainersThatRanBeforeAndStopsNone(t *testing.T) {
	t.Parallel()
	h, _ := running(t, "[enforce]", `unsandboxed = "stop"`)
	id := strings.Repeat("d", 64)
	h.process(78, "0::/docker/"+id+"\n", "sleep", "900")
	// A dockerd that was stopped and started again has new containers only.
	h.units.set(func(u *host.Unit) { u.ActiveState = "inactive" })
	h.units.changes <- struct{}{}
	h.await("waiting", func(s status.Status) bool { return s.State == status.StateWaiting && !s.Containers.Known })
	h.dockerd.SetContainers(fakedockerd.Container{ID: id, Name: "old", Runtime: "runc", PID: 78})
	h.units.set(func(u *host.Unit) { u.ActiveState, u.InvocationID = "active", strings.Repeat("b", 32) })
	h.units.changes <- struct{}{}
	s := h.await("aware of it", func(s status.Status) bool { return enforced(s) && s.Containers.Outside == 1 })
	if s.Counts.Stopped != 0 || s.Counts.Unsandboxed != 0 || len(s.Containers.Strays) != 1 {
		t.Errorf("got %d stopped, %d starts outside, strays %v", s.Counts.Stopped, s.Counts.Unsandboxed, s.Containers.Strays)
	}
}

func TestDaemonListensAgainAfterTheStreamOfEventsEnds(t *testing.T) {
	t.Parallel()
	h, _ := running(t)
	h.dockerd.HangUp()
	id := strings.Repeat("e", 64)
	h.process(79, "0::/docker/"+id+"\n", "sleep", "900")
	h.dockerd.Start(fakedockerd.Container{ID: id, Name: "web", Runtime: "runc", PID: 79})
	h.await("aware of the start", func(s status.Status) bool { return s.Counts.Unsandboxed == 1 })
}

// dockerd tells that it has read daemon.json, also where nothing else gives a hint.
func TestDaemonLooksAfterAReloadOfAnotherProgram(t *testing.T) {
	t.Parallel()
	h, _ := running(t)
	h.dockerd.Forget()
	h.dockerd.Send("daemon", "reload", "fake")
	h.await("repaired", func(s status.Status) bool {
		return enforced(s) && s.LastDrift != nil && s.LastDrift.Item == config.ItemDockerd && !s.LastDrift.Repaired.IsZero()
	})
}

// Such a round compares files and does not ask dockerd.
func TestReloadDuringARoundThatFindsNothingNewIsLookedAt(t *testing.T) {
	t.Parallel()
	l, began := newLoop(newFakeHost(t).daemon, nil), time.Unix(1000, 0)
	l.lastOutcome, l.busy = &outcome{lookBegan: began}, true
	l.heardReload(began.Add(time.Second))
	if l.due != 0 {
		t.Errorf("due while a round runs: %v", l.due)
	}
	l.finishRound(t.Context(), &outcome{nothingNew: true})
	if l.due != becauseDockerd {
		t.Errorf("due after the round: %v, want a look at dockerd", l.due)
	}
}

func TestDaemonReadsTheConfigurationAgainWhenAsked(t *testing.T) {
	t.Parallel()
	hup, calls := make(chan os.Signal, 1), make(chan string, 100)
	h := newFakeHost(t)
	h.daemon.Reload = hup
	h.daemon.Ready = func() { calls <- "ready" }
	h.daemon.Reloading = func() { calls <- "reloading" }
	h.daemon.Now = time.Now
	h.turn <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.daemon.Run(ctx) }()
	if got := <-calls; got != "ready" {
		t.Errorf("got %s first", got)
	}
	h.await("enforced", enforced)
	hup <- syscall.SIGHUP
	if got := []string{<-calls, <-calls}; !slices.Equal(got, []string{"reloading", "ready"}) {
		t.Errorf("got %v after SIGHUP", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !slices.Contains(h.kinds(), status.Reloaded) {
		t.Errorf("told of %v", h.kinds())
	}
}

// In a hardened unit only systemd can make the directory again.
func TestDaemonEndsWhenItsDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	h := newFakeHost(t)
	h.daemon.Now = time.Now
	must(t, os.Remove(h.path("run/runsc-provisioner")))
	if err := h.daemon.Run(t.Context()); !errors.Is(err, errRemoved) || !strings.Contains(err.Error(), "run/runsc-provisioner") {
		t.Errorf("got %v, want the directory that was removed", err)
	}
}

func TestDaemonThatIsStuckIsNotAlive(t *testing.T) {
	t.Parallel()
	h := newFakeHost(t)
	alive := make(chan struct{}, 1)
	h.daemon.Alive = func() {
		select {
		case alive <- struct{}{}:
		default:
		}
	}
	h.daemon.AliveEvery = time.Millisecond
	l := newLoop(h.daemon, nil)
	l.busy, l.began = true, h.clock()
	if l.isStuck() {
		t.Error("a round that has just begun is stuck")
	}
	h.pass(stuckAfter)
	if !l.isStuck() {
		t.Errorf("a round is not stuck after %s", stuckAfter)
	}
	l.busy = false
	if l.isStuck() {
		t.Error("stuck between two rounds")
	}
	h.daemon.Now = time.Now
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.daemon.Run(ctx) }()
	<-alive
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A store that apply makes is read-only for a hardened unit that had started before.
func TestFault_X10_TheDaemonEndsWhenItsStoreIsMade(t *testing.T) {
	need.Root(t)
	t.Parallel()
	h := newFakeHost(t)
	h.startDaemon()
	store := h.path("usr/local/lib/gvisor")
	if h.loop.rounds.mustRestart(config.Default()) {
		t.Error("a store that is missing ends the daemon")
	}
	must(t, os.MkdirAll(store, 0o755))
	if h.loop.rounds.mustRestart(config.Default()) {
		t.Error("a store that can be written to ends the daemon")
	}
	must(t, unix.Mount("tmpfs", store, "tmpfs", unix.MS_RDONLY, "size=1m"))
	t.Cleanup(func() { _ = unix.Unmount(store, unix.MNT_DETACH) })
	if h.round(becauseTimer); !h.outcome.moved {
		t.Errorf("got %v, want the daemon to end", h.outcome.err)
	}
	h.startDaemon() // the store exists now: it does not end again
	if h.round(becauseTimer); h.outcome.moved {
		t.Error("the daemon would end again and again")
	}
}

// A hardened unit gets access to another place only when it starts.
func TestFault_X10_TheDaemonEndsWhenItsPlacesChange(t *testing.T) {
	t.Parallel()
	h := newFakeHost(t, "[paths]", `store = "/opt/gvisor"`)
	h.daemon.Now = time.Now
	if err := h.daemon.Run(t.Context()); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v, want the daemon to end", err)
	}
	if _, err := os.Stat(h.path("usr/local/lib/gvisor")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want nothing installed", err)
	}
}
