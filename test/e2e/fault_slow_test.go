package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// trickle is a release server that needs hours for a release, but is not below the minimum rate.
const trickle = "https://releases.lab/fault-trickle/gvisor/releases"

// wants configures the daemon for a release from url.
func (h host) wants(release, url string) {
	h.t.Helper()
	h.run("printf '[release]\\nversion = \"" + release + "\"\\nurl = \"" + url + "\"\\n" + strings.ReplaceAll(asDefault, "\n", "\\n") + "' >" + ownConfig)
}

func (h host) fetching(release string) status.Status {
	h.t.Helper()
	return h.awaits("fetching "+release, func(s status.Status) bool { return s.Fetching != nil && s.Fetching.Release == release })
}

// hidden are the files of an unfinished fetch in the store.
func (h host) hidden() string {
	h.t.Helper()
	return h.run("ls -A " + store + " | grep runsc-provisioner- || true")
}

// truthful watches the daemon's status until you call the returned function. The status must never say
// "enforced" for another release.
func (h host) truthful(release string) (end func()) {
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			if s := h.status(); s.State == status.StateEnforced && s.Wanted.Release == release && s.Release != release {
				h.t.Errorf("got %q while %s is missing", s.Line, release)
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() { close(stop); watching.Wait() }
}

func TestFault_X15_ASlowDownloadHoldsNothingUp(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	success := h.status().LastSuccess
	end := h.truthful(older)
	h.wants(older, trickle)
	s := h.fetching(older)
	if s.State != status.StateFetching || len(s.Held) != 0 {
		t.Errorf("got %s, held %v, want it fetching", s.State, s.Held)
	}
	says(t, h.exit(4, "runsc-provisioner status"), "fetching", older)

	// Drift is repaired, with the installed release.
	for _, change := range []string{"rm " + daemonJSON, "echo '{}' >" + daemonJSON + "; systemctl reload docker"} {
		before := h.status().Counts.Repairs["default-runtime"]
		h.run(change)
		s = h.awaits("repaired after "+change, func(s status.Status) bool { return s.Counts.Repairs["default-runtime"] > before })
		h.wantsRunsc()
	}
	if s.State != status.StateFetching || !s.LastSuccess.Before(s.Fetching.Since) || s.LastSuccess.Before(success) {
		t.Errorf("got %s, last success at %s, want it fetching since %s, without success since", s.State, s.LastSuccess, s.Fetching.Since)
	}
	if h.hidden() == "" {
		t.Error("got nothing of the fetch in the store")
	}

	// An apply downloads by itself, and its release ends the fetch.
	h.run("runsc-provisioner apply --once --lock-timeout=10s --allow-downgrade --url https://releases.lab/gvisor/releases --release " + older)
	s = h.awaits("enforced with the release that apply installed", func(s status.Status) bool { return s.State == status.StateEnforced && s.Release == older })
	if s.Fetching != nil {
		t.Errorf("got %+v, want the fetch ended", s.Fetching)
	}
	h.run("until [ -z \"$(ls -A " + store + " | grep runsc-provisioner-)\" ]; do sleep 0.05; done")
	end()

	// Another run makes a long change: the state of the host is unknown until it ends.
	letGo := h.holdsLock()
	h.run("rm " + daemonJSON)
	h.awaits("waiting for the other run", func(s status.Status) bool { return s.State == status.StateWaiting })
	letGo()
	h.awaits("enforced again", func(s status.Status) bool {
		return s.State == status.StateEnforced && s.Counts.Repairs["default-runtime"] >= 3
	})
}

func TestFault_X15_ASlowDownloadEndsWithTheDaemonAndWithItsReason(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	h.wants(older, trickle)
	h.fetching(older)
	h.run("systemctl stop runsc-provisioner")
	if got := h.run("systemctl show -p Result --value runsc-provisioner"); got != "success" || h.hidden() != "" {
		t.Errorf("got %s and %q left, want it ended, and nothing left of the fetch", got, h.hidden())
	}
	// Killed, it leaves files for the next run to remove.
	h.run("systemctl start runsc-provisioner")
	h.fetching(older)
	h.run("d=/run/systemd/system/runsc-provisioner.service.d; mkdir -p $d; printf '[Service]\\nRestart=no\\n' >$d/once.conf; systemctl daemon-reload; systemctl kill -s KILL runsc-provisioner; until [ $(systemctl is-active runsc-provisioner) = failed ]; do sleep 0.05; done")
	if h.hidden() == "" {
		t.Error("got no files left, want some for the sweep")
	}
	h.run("runsc-provisioner apply --once --release " + newer + " && systemctl start runsc-provisioner")
	h.fetching(older)
	if got := strings.Fields(h.hidden()); len(got) != 1 {
		t.Errorf("got %q in the store, want that of the fetch under way", got)
	}
	// The configuration asks for another release, then for the installed one.
	h.wants("20991231.0", trickle)
	h.awaits("held", func(s status.Status) bool { return s.State == status.StateHeld && s.Fetching == nil })
	h.wants(newer, trickle)
	h.enforced()
	if got := h.hidden(); got != "" {
		t.Errorf("got %q left in the store", got)
	}
}

// A host without gVisor, and a slow server: the status says what the daemon waits for, and the rest follows
// after the download.
func TestFault_X15_AFreshHostAndASlowDownload(t *testing.T) {
	h := boot(t, lab.Options{})
	p := h.pausedReleases()
	h.wants(newer, p.url)
	h.run("systemctl start runsc-provisioner")
	<-p.arrived
	if s := h.fetching(newer); s.State != status.StateFetching || s.Release != "" {
		t.Errorf("got %s, release %q, want it fetching", s.State, s.Release)
	}
	close(p.goOn)
	h.enforced()
	h.wantsRunsc()
	h.neverRefused()
}
