package trial

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/test/fakedockerd"
)

const ownName = Prefix + "abc123"

var idA = strings.Repeat("a", 64)

// fakeDockerd stores one trial, of ownName.
type fakeDockerd struct {
	*fakedockerd.Trial
	t *testing.T
}

func newFake(t *testing.T) *fakeDockerd {
	t.Helper()
	return &fakeDockerd{fakedockerd.NewTrial(t, idA, ownName, label), t}
}

// open opens a client of the fake.
func (f *fakeDockerd) open() *engine.Client {
	f.t.Helper()
	c, err := engine.Open(f.Socket)
	if err != nil {
		f.t.Fatalf("Open: %v", err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// ownSpec returns a Spec with an init of a few bytes.
func ownSpec(t *testing.T) Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(path, []byte("\x7fELF and so on"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	return Spec{Name: ownName, Runtime: "runsc", Init: path, Args: []string{"proof-init"}}
}
