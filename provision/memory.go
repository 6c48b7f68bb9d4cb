package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// maxRemembered is how many keys a memory has, the newest.
const maxRemembered = 64

// memory is a file of what was once seen to be so, as keys that are digests of
// what it holds for.
type memory struct{ path string }

// proofs are those through Docker.
func (h *Host) proofs() memory { return memory{filepath.Join(h.Paths.State, "proofs")} }

// failures are the proofs through Docker that failed when they were last tried.
func (h *Host) failures() memory { return memory{filepath.Join(h.Paths.State, "failed-proofs")} }

// validations are the texts that dockerd --validate took.
func (h *Host) validations() memory { return memory{filepath.Join(h.Paths.State, "validated")} }

// remembered are the proofs and the failures by their keys. Both are nil where this
// process may not read them.
func (h *Host) remembered() (proofs, failures map[string]bool) {
	if errors.Is(unix.Access(h.Paths.State, unix.X_OK), fs.ErrPermission) {
		return nil, nil
	}
	proofs, failures = map[string]bool{}, map[string]bool{}
	for _, key := range h.proofs().keys() {
		proofs[key] = true
	}
	for _, key := range h.failures().keys() {
		failures[key] = true
	}
	return proofs, failures
}

// keys are all of them. What cannot be read was not seen.
func (m memory) keys() []string {
	text, err := durable.ReadLimited(m.path, 64<<10)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func (m memory) has(key string) bool { return slices.Contains(m.keys(), key) }

func (m memory) add(key string) error {
	keys := append(without(m.keys(), key), key)
	return m.write(keys[max(0, len(keys)-maxRemembered):])
}

// forget drops a key, after it was seen not to hold.
func (m memory) forget(key string) error {
	keys := m.keys()
	if !slices.Contains(keys, key) {
		return nil
	}
	return m.write(without(keys, key))
}

func (m memory) write(keys []string) error {
	if len(keys) == 0 {
		return os.Remove(m.path)
	}
	return durable.WriteFile(m.path, []byte(strings.Join(keys, "\n")+"\n"), durable.Plain(0o600))
}

func without(keys []string, key string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { return k == key })
}
