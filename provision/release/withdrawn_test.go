package release_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestWithdraw_IsUsedOnlyIfAskedFor(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	mustInstall(t, r, r.spec(wanted, ""))
	latest := r.spec("latest", "")
	chosen := func() string {
		t.Helper()
		all, err := r.store.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		chosen, _ := release.NewestSatisfying(all, latest)
		return chosen.Name
	}
	if got := chosen(); got != wanted {
		t.Fatalf("got %s, want %s", got, wanted)
	}
	all, err := r.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if previous, found := release.PreviousOf(all, all[0]); !found || previous.Name != before {
		t.Errorf("got the previous release %q, want %s", previous.Name, before)
	}
	mark := release.Withdraw(all[0], time.Now(), "a test")
	for range 2 {
		if err := r.store.Withdraw(mark); err != nil {
			t.Fatal(err)
		}
	}
	if got := chosen(); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
	if got, err := r.store.Withdrawn(); err != nil || len(got) != 1 || !got[0].Satisfies(latest) || got[0].Satisfies(r.spec(before, "")) {
		t.Errorf("got %v, %v", got, err)
	}
	moved := r.store
	moved.Dir, moved.Earlier = filepath.Join(t.TempDir(), "gvisor"), []string{r.store.Dir}
	if got, err := moved.Withdrawn(); err != nil || len(got) != 1 {
		t.Errorf("in another store: got %v, %v", got, err)
	}
	if err := r.store.Reinstate(func(w release.Withdrawn) bool { return w.Release == wanted }); err != nil {
		t.Fatal(err)
	}
	if got := chosen(); got != wanted {
		t.Errorf("reinstated: got %s, want %s", got, wanted)
	}
	var many []release.Withdrawn
	for i := range 60 {
		w := mark
		w.Release = fmt.Sprintf("20260914.%d", i)
		many = append(many, w)
	}
	if err := r.store.Withdraw(many...); err != nil {
		t.Fatal(err)
	}
	if got, err := r.store.Withdrawn(); err != nil || len(got) != 50 || got[49].Release != "20260914.59" {
		t.Errorf("got %d of them, %v, want the newest 50", len(got), err)
	}
}

// A damaged record is moved aside: it must stop neither apply nor the daemon.
func TestWithdrawn_OfOthersIsNotBelieved(t *testing.T) {
	r := newRig(t)
	if err := r.store.Withdraw(release.Withdrawn{Release: before}); err != nil {
		t.Fatal(err)
	}
	if all, err := r.store.Withdrawn(); err != nil || len(all) != 1 || r.store.WithdrawnSafe() != nil {
		t.Fatalf("got %+v, %v", all, err)
	}
	if err := os.Chmod(filepath.Join(r.store.Dir, ".withdrawn.json"), 0o666); err != nil {
		t.Fatal(err)
	}
	all, err := r.store.Withdrawn()
	_, damaged := errors.AsType[*release.DamagedError](err)
	_, unsafe := errors.AsType[*release.UnsafeError](r.store.WithdrawnSafe())
	if len(all) != 0 || !damaged || !unsafe {
		t.Errorf("got %+v, %v, safe %v; want nothing believed, and the file named", all, err, r.store.WithdrawnSafe())
	}
}

func TestSweepWithdrawn_MovesADamagedRecord(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.store.Dir, ".withdrawn.json")
	for name, text := range map[string]string{"damaged": "{", "newer": `{"schema_version": 2}`, "empty": ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var damaged *release.DamagedError
		if got, err := r.store.Withdrawn(); !errors.As(err, &damaged) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if all, err := r.store.List(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%s: got %v, %v, want the release", name, all, err)
		}
		if moved, err := r.store.SweepWithdrawn(); moved == "" || err != nil {
			t.Errorf("%s: got %q, %v, want it moved", name, moved, err)
		}
		if got, err := os.ReadFile(path + ".unread"); err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v, want it kept", name, got, err)
		}
		if moved, err := r.store.SweepWithdrawn(); moved != "" || err != nil {
			t.Errorf("%s: got %q, %v, want nothing more to do", name, moved, err)
		}
	}
}
