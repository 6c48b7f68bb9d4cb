// Package fakerunsc makes fake releases for tests: small static programs that
// answer --version like runsc, packed and laid out as in gVisor's bucket.
//
// They run nothing in a sandbox. Tests that need one use the real runsc, in the
// lab.
package fakerunsc

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Behaviour is how a fake program misbehaves.
type Behaviour string

// The behaviours; the zero value behaves well.
const (
	Hangs       Behaviour = "hang"
	Fails       Behaviour = "fail"
	Floods      Behaviour = "flood"       // prints without end
	Environment Behaviour = "environment" // prints its environment as the label
	Forks       Behaviour = "fork"        // leaves processes behind that hold its output
	Escapes     Behaviour = "escape"      // as Forks, in a session of their own
	Refuses     Behaviour = "refuse"      // knows --version, leaves a process behind at run and fails
)

// Options describe a fake program.
type Options struct {
	Label     string // after `runsc version`; release-20260914.0 if empty
	Behaviour Behaviour
	Machine   uint16 // of the ELF header; 0 is this machine's
	Rejects   string // a flag, without dashes, that it does not have
}

// built is shared: a build takes a second, and every test binary needs the
// program often.
var built = sync.OnceValues(build)

func build() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fakerunsc-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "runsc")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "runsc-provisioner/test/fakerunsc/runsc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(path)
}

// Program returns the bytes of a fake runsc, or of a sidecar.
func Program(t testing.TB, o Options) []byte {
	t.Helper()
	plain, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if o.Label == "" {
		o.Label = "release-20260914.0"
	}
	trailer, err := json.Marshal(struct {
		Label     string
		Behaviour Behaviour
		Rejects   string
	}{o.Label, o.Behaviour, o.Rejects})
	if err != nil {
		t.Fatal(err)
	}
	program := append(append(append([]byte{}, plain...), "\nfake runsc trailer: "...), trailer...)
	if o.Machine != 0 {
		binary.LittleEndian.PutUint16(program[18:], o.Machine) // e_machine (elf(5))
	}
	return program
}
