package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// began starts a command; its result comes from the channel.
func (h host) began(command string) <-chan lab.Result {
	ended := make(chan lab.Result, 1)
	go func() {
		r, err := h.Run(h.t.Context(), "sh", "-c", command)
		if err != nil {
			h.t.Errorf("%s: %v", command, err)
		}
		ended <- r
	}()
	return ended
}

// holdsLock starts another run, which holds the lock until you call the returned function.
func (h host) holdsLock() (letGo func()) {
	h.t.Helper()
	h.run("rm -f /run/held /run/let-go")
	other := h.began("flock /var/lib/runsc-provisioner/lock sh -c 'touch /run/held; until [ -e /run/let-go ]; do sleep 0.02; done'")
	h.run("until [ -e /run/held ]; do sleep 0.02; done")
	return func() {
		h.run("touch /run/let-go")
		<-other
	}
}

func TestFault_F04_TwoAppliesAtOnce(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		p := h.pausedReleases()
		h.run("runsc-provisioner apply --default-runtime --release " + older)
		apply := "runsc-provisioner apply --default-runtime --release " + newer + " --url " + p.url
		first := h.began(apply)
		<-p.arrived

		// A download blocks no other run, and ends while they work.
		if r := h.exit(0, "runsc-provisioner apply --lock-timeout=0"); !strings.Contains(r.Stdout, "nothing to do") {
			t.Errorf("beside a download: got %v, want nothing to do", r)
		}
		look := func() snapshot {
			s := h.snapshot()
			s.Store = h.run("ls -A " + store)
			return s
		}
		before := look()
		letGo := h.holdsLock()
		r := h.exit(75, "runsc-provisioner apply --release "+newer+" --lock-timeout=1s")
		says(t, r, "another runsc-provisioner is changing this host", "waited 1s", "hint: ")
		h.exit(75, "runsc-provisioner apply --lock-timeout=0")
		if after := look(); after != before {
			t.Errorf("the host was touched by a run without the lock\nbefore: %+v\nafter:  %+v", before, after)
		}
		h.run("runsc-provisioner plan") // reads only

		second := h.began(apply)
		h.run("until [ $(pgrep -fc '^[r]unsc-provisioner apply') = 2 ]; do sleep 0.01; done")
		close(p.goOn)
		letGo()
		for _, ended := range []<-chan lab.Result{first, second} {
			if r := <-ended; r.Code != 0 {
				t.Errorf("got %v, want exit 0", r)
			}
		}
		h.settled()
		h.wantsRunsc()
	})
}

func TestFault_F04_AKilledDownloadBlocksNoRun(t *testing.T) {
	h := boot(t, lab.Options{})
	p := h.pausedReleases()
	first := h.began("runsc-provisioner apply --release " + newer + " --url " + p.url)
	<-p.arrived
	h.run("kill -9 $(pgrep -fo '^[r]unsc-provisioner apply')")
	if r := <-first; r.Code != 137 {
		t.Errorf("the first: got %v, want it killed", r)
	}
	h.run("runsc-provisioner apply --default-runtime --lock-timeout=0 --release " + newer)
	h.settled()
	if left := h.run("ls -A " + store + " | grep staging || true"); left != "" {
		t.Errorf("got %s left in the store, want it swept", left)
	}
}

// Many applies run at once, each with another goal. A later one undoes what the earlier ones did, and none may
// see another's unfinished work.
func TestFault_F04_ManyAppliesAtOnce(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime --release " + older + " && runsc-provisioner apply --release " + newer)
	var all []<-chan lab.Result
	for i := range 6 {
		all = append(all, h.began("runsc-provisioner apply --once --lock-timeout=5m --allow-downgrade --release "+[]string{older, newer}[i%2]))
	}
	for i, ended := range all {
		if r := <-ended; r.Code != 0 {
			t.Errorf("apply %d: got %v, want exit 0", i, r)
		}
	}
	linked := h.run("readlink " + link)
	if got := h.run("docker info -f '{{.DefaultRuntime}} {{(index .Runtimes \"runsc\").Path}}'"); got != "runsc "+linked {
		t.Errorf("got dockerd with %s, want runsc at %s as the link says", got, linked)
	}
	if text := h.read(daemonJSON); !strings.Contains(text, linked) {
		t.Errorf("got daemon.json %s, want %s in it", text, linked)
	}
	h.settled()
}
