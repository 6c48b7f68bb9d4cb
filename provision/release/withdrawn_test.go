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

func TestWithdrawn_OfOthersIsNotBelieved(t *testing.T) {
	for _, name := range []string{".withdrawn.json", ".withdrawn.copy.json"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if err := r.store.Withdraw(release.Withdrawn{Release: before}); err != nil {
				t.Fatal(err)
			}
			if all, err := r.store.Withdrawn(); err != nil || len(all) != 1 {
				t.Fatalf("got %+v, %v", all, err)
			}
			path := filepath.Join(r.store.Dir, name)
			err := errors.Join(os.WriteFile(path, []byte(`{"schema_version": 1, "withdrawn": [{"release": "of others"}]}`), 0o666), os.Chmod(path, 0o666))
			if err != nil {
				t.Fatal(err)
			}
			all, err := r.store.Withdrawn()
			_, damaged := errors.AsType[*release.DamagedError](err)
			unsafe, _ := errors.AsType[*release.UnsafeError](err)
			if len(all) != 1 || all[0].Release != before || !damaged || unsafe == nil || unsafe.Path != path {
				t.Errorf("got %+v, %v, unsafe %v; want what the other file has, and %s named", all, err, unsafe, path)
			}
		})
	}
}

// A damaged record must stop neither apply nor the daemon, and nothing is forgotten while one of the two is whole.
func TestSweepWithdrawn_MovesADamagedRecord(t *testing.T) {
	const file, copied = ".withdrawn.json", ".withdrawn.copy.json"
	for name, text := range map[string]string{"damaged": "{", "newer": `{"schema_version": 2}`, "empty": ""} {
		t.Run(name+" file", func(t *testing.T) { sweepDamaged(t, text, 1, file) })
		t.Run(name+" copy", func(t *testing.T) { sweepDamaged(t, text, 1, copied) })
		t.Run(name+" both", func(t *testing.T) { sweepDamaged(t, text, 0, file, copied) })
	}
}

// sweepDamaged records one release as withdrawn and overwrites files of the record with text. want is how many releases
// the store must still have as withdrawn.
func sweepDamaged(t *testing.T, text string, want int, files ...string) {
	r := newRig(t)
	if err := r.store.Withdraw(release.Withdrawn{Release: before}); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Join(r.store.Dir, files[i])
		if err := os.WriteFile(files[i], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.store.Withdrawn()
	if damage, ok := errors.AsType[*release.DamagedError](err); !ok || damage.Path != files[0] || len(got) != want {
		t.Errorf("got %v, %v", got, err)
	}
	if all, err := r.store.List(t.Context()); err != nil || len(all) != 1 || (all[0].Withdrawn != nil) != (want == 1) {
		t.Errorf("got %+v, %v, want the release", all, err)
	}
	if damage := r.store.SweepWithdrawn(); damage == "" {
		t.Error("got nothing, want the damage")
	}
	for _, path := range files {
		if got, err := os.ReadFile(path + ".unread"); err != nil || string(got) != text {
			t.Errorf("got %q, %v, want it kept", got, err)
		}
	}
	if damage := r.store.SweepWithdrawn(); damage != "" {
		t.Errorf("got %q, want nothing more to do", damage)
	}
	if got, err := r.store.Withdrawn(); err != nil || len(got) != want {
		t.Errorf("afterwards: got %v, %v", got, err)
	}
}

// A version before the copy wrote the file alone.
func TestSweepWithdrawn_MakesAMissingCopy(t *testing.T) {
	r := newRig(t)
	if err := r.store.Withdraw(release.Withdrawn{Release: before}); err != nil {
		t.Fatal(err)
	}
	file, copied := filepath.Join(r.store.Dir, ".withdrawn.json"), filepath.Join(r.store.Dir, ".withdrawn.copy.json")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range []string{copied, file} {
		if err := os.Remove(missing); err != nil {
			t.Fatal(err)
		}
		if damage := r.store.SweepWithdrawn(); damage != "" {
			t.Errorf("got %q, want nothing moved", damage)
		}
		if got, err := os.ReadFile(missing); err != nil || string(got) != string(want) {
			t.Errorf("%s: got %q, %v, want %q", missing, got, err, want)
		}
	}
}
