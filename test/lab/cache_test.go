package lab

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

func openTestCache(t *testing.T) *Cache {
	t.Helper()
	t.Setenv(CacheEnv, t.TempDir())
	c, err := OpenCache(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestArtefact_IsBuiltOnceForManyCallers(t *testing.T) {
	c := openTestCache(t)
	var built atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := c.artefact(t.Context(), "thing", "recipe", func(_ context.Context, dir string) error {
				built.Add(1)
				if free, err := flock.New(filepath.Join(c.Dir(), "thing.lock")).TryLock(); free || err != nil {
					t.Errorf("lock while building: got free %t (%v), want it held", free, err)
				}
				return os.WriteFile(filepath.Join(dir, "content"), []byte("made"), 0o644)
			})
			if err != nil {
				t.Errorf("got error %v", err)
				return
			}
			if got, err := os.ReadFile(filepath.Join(dir, "content")); string(got) != "made" {
				t.Errorf("content: got %q (%v), want %q", got, err, "made")
			}
		})
	}
	wg.Wait()
	if got := built.Load(); got != 1 {
		t.Errorf("got %d builds, want 1", got)
	}
}

func TestArtefact_ChangedRecipeIsAnotherOne(t *testing.T) {
	c := openTestCache(t)
	nothing := func(context.Context, string) error { return nil }
	first, err := c.artefact(t.Context(), "thing", "one", nothing)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.artefact(t.Context(), "thing", "two", nothing)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Errorf("got %s for both recipes, want two directories", first)
	}
}

func TestArtefact_FailedBuildLeavesNothing(t *testing.T) {
	c := openTestCache(t)
	broken := errors.New("broken")
	_, err := c.artefact(t.Context(), "thing", "recipe", func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want it to wrap %q", err, broken)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir(), "thing-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: got %v (%v), want nothing", left, err)
	}
}

func TestArtefact_LeftoverOfAKilledBuildIsNotUsed(t *testing.T) {
	c := openTestCache(t)
	partial := filepath.Join(c.Dir(), artefactName("thing", "recipe")+".partial")
	if err := os.MkdirAll(filepath.Join(partial, "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := c.artefact(t.Context(), "thing", "recipe", func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(dir, "half")) {
		t.Errorf("got the killed build's file in %s, want a new directory", dir)
	}
}

func TestLock_WaitEndsWithItsContext(t *testing.T) {
	c := openTestCache(t)
	unlock, err := c.lock(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.lock(ctx, "thing"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestMountPoints(t *testing.T) {
	const captured = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
41 22 0:36 / /var/lab/a\040b/root rw,relatime - overlay overlay rw,lowerdir=/x
`
	got, err := mountPoints(strings.NewReader(captured))
	want := []string{"/", "/var/lab/a b/root"}
	if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	if _, err := mountPoints(strings.NewReader("22 1\n")); err == nil {
		t.Error("short line: got no error")
	}
}

func TestWriteSum_IsWhatSha512sumWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runsc")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeSum(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path + ".sha512")
	// The digest of "abc" from the examples of FIPS 180-4.
	const want = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f  runsc\n"
	if string(got) != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}
