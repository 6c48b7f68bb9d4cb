package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/need"
)

// No single file stops the daemon. What it cannot use, or not trust, its status says.
func TestFault_X11_NoFileStopsTheDaemon(t *testing.T) {
	need.Root(t)
	const state = "var/lib/runsc-provisioner/"
	for _, test := range []struct {
		situation string
		damage    func(h *fakeHost) error
		item      string
		health    checkup.Health
		state     status.State
	}{
		{"before.json is garbage", func(h *fakeHost) error { h.write(state+"before.json", "x"); return nil }, checkup.StateItemName, checkup.Critical, status.StateFailing},
		{"images.json is a FIFO", func(h *fakeHost) error { return unix.Mkfifo(h.path(state+"images.json"), 0o600) }, checkup.StateItemName, checkup.Critical, status.StateFailing},
		{"backup is a FIFO", func(h *fakeHost) error {
			if err := os.RemoveAll(h.path(state + "backup")); err != nil {
				return err
			}
			return unix.Mkfifo(h.path(state+"backup"), 0o600)
		}, "", checkup.Healthy, status.StateEnforced},
		{"the lock is a FIFO", func(h *fakeHost) error {
			if err := os.Remove(h.path(state + "lock")); err != nil {
				return err
			}
			return unix.Mkfifo(h.path(state+"lock"), 0o600)
		}, "", checkup.Healthy, status.StateEnforced},
		{"others may write the records", func(h *fakeHost) error { return os.Chmod(h.path(state), 0o777) }, "", checkup.Healthy, status.StateEnforced},
		{"a record is another user's", func(h *fakeHost) error { return os.Chown(h.path(state+"before.json"), 1234, 0) }, checkup.StateItemName, checkup.Warning, status.StateEnforced},
		{"others may write daemon.json", func(h *fakeHost) error { return os.Chmod(h.path("etc/docker"), 0o777) }, checkup.TrustItemName, checkup.Critical, status.StateFailing},
	} {
		t.Run(test.situation, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			must(t, test.damage(h))
			h.write("etc/docker/daemon.json", "{}")
			s := h.round(becauseFiles | becauseTimer)
			if s.Error != "" || s.State != test.state || s.Counts.Repairs["default-runtime"] != 1 {
				t.Errorf("got %q, error %q, repairs %v, want %s, and the default runtime repaired", s.Line, s.Error, s.Counts.Repairs, test.state)
			}
			worst := checkup.Healthy
			for _, item := range s.Host {
				if item.Name == test.item {
					worst = max(worst, item.Health)
				}
			}
			if worst != test.health {
				t.Errorf("got %s %q, want %s", test.item, worst, test.health)
			}
		})
	}
}

// A file was damaged after the daemon's last look: its status is not believed.
func TestFault_X11_ARecordDamagedSinceTheLastLook(t *testing.T) {
	bad := checkup.Item{Name: checkup.StateItemName, Health: checkup.Critical, Seen: "before.json: damaged"}
	for published, want := range map[status.State]status.State{status.StateEnforced: status.StateFailing, status.StateHeld: status.StateFailing, status.StateFailing: status.StateFailing, status.StateWaiting: status.StateWaiting} {
		s := status.Status{State: published}
		s.AddRecords([]checkup.Item{bad})
		s.AddRecords([]checkup.Item{bad})
		if s.State != want || len(s.Host) != 1 {
			t.Errorf("%s: got %s with %+v, want %s and the item once", published, s.State, s.Host, want)
		}
	}
}

// The daemon starts on a provisioned host that has lost its configuration and its record. It does not take the
// built-in values as accepted, not even in a later round.
func TestFault_X22_BuiltInValuesAreNotAcceptedInSilence(t *testing.T) {
	dir := t.TempDir()
	h := &host.Host{Paths: host.Paths{State: dir, Config: dir, Store: "/gv", DaemonJSON: filepath.Join(dir, "daemon.json")}}
	must(t, os.WriteFile(h.Paths.DaemonJSON, []byte(`{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/gv/20260914.0/runsc"}}}`), 0o600))
	var last keptConfig
	for range 3 {
		k, err := keep(h, last)
		must(t, err)
		if k.recordDamage == "" || k.mayWriteRecord {
			t.Errorf("got %q, may write %t, want it said, and nothing accepted", k.recordDamage, k.mayWriteRecord)
		}
		last = k
	}
	must(t, h.ConfigFiles().Accept(last.Layered))
	if k, err := keep(h, last); err != nil || k.recordDamage != "" || !k.mayWriteRecord {
		t.Errorf("a person accepts them: got %q, may write %t, %v", k.recordDamage, k.mayWriteRecord, err)
	}
}
