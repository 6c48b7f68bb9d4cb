package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// restarting is the rounds of a daemon that may restart Docker, at a moment that
// the test sets, with what it remembers in dir.
func restarting(t *testing.T, dir string, most config.Disruption, now *time.Time) *rounds {
	t.Helper()
	host := &provision.Provisioner{Host: host.Host{Paths: host.Paths{
		State: dir, Config: filepath.Join(dir, "etc"), Store: filepath.Join(dir, "store"), DaemonJSON: filepath.Join(dir, "daemon.json"),
	}}}
	r := newRounds(&Daemon{Host: host, Now: func() time.Time { return *now }})
	r.config.Config = config.Default()
	r.config.Config.Enforce.MaxDisruption = most
	r.out = &outcome{}
	return r
}

// held reports whether Docker may not be restarted now. A repair and a recovery
// get the same answer.
func (r *rounds) held(t *testing.T) bool {
	t.Helper()
	repair, err := r.decide(host.Observed{Store: r.host.Paths.Store})
	recovery, consentErr := r.host.RecoveryOptions()
	if err := errors.Join(err, consentErr); err != nil {
		t.Fatal(err)
	}
	most := r.config.Config.Enforce.MaxDisruption
	if repair.Unattended.MaxDisruption != most || recovery.Unattended.MaxDisruption != most || repair.AllowRestart || recovery.AllowRestart {
		t.Errorf("got consent to %v and %v, AllowRestart %t and %t, want %v twice and false",
			repair.Unattended.MaxDisruption, recovery.Unattended.MaxDisruption, repair.AllowRestart, recovery.AllowRestart, most)
	}
	if repair.Unattended.NoRestart != recovery.Unattended.NoRestart {
		t.Errorf("got a repair told %q and a recovery %q, want the same", repair.Unattended.NoRestart, recovery.Unattended.NoRestart)
	}
	return repair.Unattended.NoRestart != ""
}

func (r *rounds) restart(failed error) {
	r.host.Report(provision.Event{Kind: provision.StepStarted, Step: steps.Restart{Unit: host.DockerUnit}})
	r.host.Report(provision.Event{Kind: provision.StepDone, Step: steps.Restart{Unit: host.DockerUnit}, Err: failed})
}

func TestRestartsAreFarApart(t *testing.T) {
	for name, failed := range map[string]error{"that came up": nil, "that failed": errors.New("not up after 2m0s")} {
		t.Run(name, func(t *testing.T) {
			now, dir := at(0), t.TempDir()
			r := restarting(t, dir, config.DisruptionRestart, &now)
			if r.held(t) {
				t.Error("before the first restart: held")
			}
			for _, begun := range []int{0, 600} {
				now = at(begun)
				r.restart(failed)
				for _, look := range []struct {
					after time.Duration
					held  bool
				}{
					{time.Second, true}, {restartEvery / 2, true}, {restartEvery - time.Second, true}, {restartEvery, false}, {24 * time.Hour, false},
					// The clock was set back: a restart in the future holds nothing.
					{-time.Hour, false},
				} {
					now = at(begun).Add(look.after)
					if got := r.held(t); got != look.held {
						t.Errorf("%v after a restart: held %t, want %t", look.after, got, look.held)
					}
					// A daemon that is started again remembers it.
					if got := restarting(t, dir, config.DisruptionRestart, &now).held(t); got != look.held {
						t.Errorf("%v after a restart, by another daemon: held %t, want %t", look.after, got, look.held)
					}
				}
			}
			if r.out.restarts != 2 {
				t.Errorf("counted %d restarts, want 2", r.out.restarts)
			}
		})
	}
}

// A restart is remembered from its start on: a daemon that is killed during it
// would otherwise restart Docker again at once.
func TestARestartIsNotedAsItBegins(t *testing.T) {
	now, dir := at(0), t.TempDir()
	r := restarting(t, dir, config.DisruptionRestart, &now)
	r.host.Report(provision.Event{Kind: provision.StepStarted, Step: steps.Restart{Unit: host.DockerUnit}})
	now = at(1)
	if !restarting(t, dir, config.DisruptionRestart, &now).held(t) {
		t.Error("not held one second after a restart began")
	}
}

// Without consent to restarts their pace is no reason: the configuration is one.
func TestRestartsThatAreNotConsentedToHaveNoPace(t *testing.T) {
	for _, most := range []config.Disruption{config.DisruptionNone, config.DisruptionReload} {
		now, dir := at(0), t.TempDir()
		r := restarting(t, dir, most, &now)
		r.restart(nil)
		now = at(1)
		if r.held(t) {
			t.Errorf("%v: told that Docker was restarted", most)
		}
	}
}

// A note that cannot be read may say that Docker was restarted a moment ago.
func TestRestartsAreNotConsentedToWhereTheLastOneCannotBeRead(t *testing.T) {
	now, dir := at(0), t.TempDir()
	r := restarting(t, dir, config.DisruptionRestart, &now)
	r.restart(nil)
	notes, err := filepath.Glob(filepath.Join(dir, "restarted"))
	if err != nil || len(notes) != 1 {
		t.Fatal(notes, err)
	}
	if err := errors.Join(os.WriteFile(notes[0], []byte("odd"), 0o600), os.Chtimes(notes[0], at(0), at(0))); err != nil {
		t.Fatal(err)
	}
	now = at(1)
	for _, what := range []string{"damaged", "moved away"} {
		if !r.held(t) {
			t.Errorf("%s: a restart is not held", what)
		}
		if options, err := r.host.RecoveryOptions(); err != nil || options.Unattended.NoRestart == "" {
			t.Errorf("%s: got %+v, %v, want a recovery without a restart", what, options.Unattended, err)
		}
		r.host.State().Mend()
	}
}

// A dockerd that ends on a reload would end on the next one too, and each start stops containers.
func TestFault_X01_NoSecondReloadAfterDockerdHasEnded(t *testing.T) {
	for name, failed := range map[string]error{"started again": &transaction.RolledBack{DockerEnded: true}, "down": &transaction.DockerDown{DockerEnded: true}} {
		t.Run(name, func(t *testing.T) {
			now := at(0)
			r := restarting(t, t.TempDir(), config.DisruptionReload, &now)
			held := func(text string) bool {
				t.Helper()
				options, err := r.decide(host.Observed{Store: r.host.Paths.Store, File: daemonfile.File{Bytes: []byte(text)}})
				if err != nil {
					t.Fatal(err)
				}
				return options.Unattended.NoReload != ""
			}
			if held("{}") {
				t.Error("got it held before anything happened")
			}
			r.out.err = &transaction.RolledBack{Cause: errors.New("refused")}
			if r.classify(r.out); held("{}") {
				t.Error("got it held after another failure")
			}
			// The signal of another program is no reason to expect the same of the next reload.
			r.out.err = &transaction.RolledBack{DockerEnded: true, DockerKilled: true}
			if r.classify(r.out); held("{}") {
				t.Error("got it held after another program killed dockerd")
			}
			r.out.err = failed
			if r.classify(r.out); !held("{}") {
				t.Error("got a second reload")
			}
			if held(`{"debug":true}`) {
				t.Error("got it held although daemon.json has changed")
			}
		})
	}
}
