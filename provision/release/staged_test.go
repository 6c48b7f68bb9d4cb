package release_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func hiddenIn(t *testing.T, r *rig) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(r.store.Dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), release.HiddenPrefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFault_X15_FetchInProgressIsNotSwept(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	staged, err := r.store.Fetch(t.Context(), r.source, r.spec(wanted, ""))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := r.store.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v, want the staged release hidden", list, err)
	}
	if err := r.store.Sweep(); err != nil || len(hiddenIn(t, r)) != 1 {
		t.Fatalf("got %q after a sweep, %v, want what is in use left there", hiddenIn(t, r), err)
	}
	installed, err := r.store.Commit(t.Context(), staged)
	if err := errors.Join(err, staged.Discard()); err != nil || installed.Name != wanted || !installed.State.Intact() {
		t.Errorf("got %+v, %v, want %s intact", installed, err, wanted)
	}
	if left := hiddenIn(t, r); len(left) != 0 {
		t.Errorf("got %q left", left)
	}
}

func TestFault_X15_DiscardedFetchLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	old := r.snapshot(t)
	staged, err := r.store.Fetch(t.Context(), r.source, r.spec(wanted, ""))
	if err := errors.Join(err, staged.Discard()); err != nil {
		t.Fatal(err)
	}
	if is := r.snapshot(t); is != old {
		t.Errorf("store changed\nfrom\n%s\nto\n%s", old, is)
	}
}

// Another process may sweep at any moment, even right after the directory was
// made.
func TestFault_X15_SweepsBesideFetches(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	if err := os.MkdirAll(r.store.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			if err := r.store.Sweep(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		staged, err := r.store.Fetch(t.Context(), r.source, r.spec(wanted, ""))
		if err != nil {
			t.Errorf("fetch: %v", err)
			break
		}
		_, err = r.store.Commit(t.Context(), staged)
		if err := errors.Join(err, staged.Discard()); err != nil {
			t.Errorf("commit: %v", err)
		}
		if err := r.store.Remove(wanted); err != nil {
			t.Error(err)
		}
	}
	close(end)
	sweeping.Wait()
	if left := hiddenIn(t, r); len(left) != 0 {
		t.Errorf("got %q left in %s", left, filepath.Base(r.store.Dir))
	}
}
