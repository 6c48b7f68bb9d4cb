package state

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

// maxKeys is how many keys a memory has, the newest.
const maxKeys = 64

// KeyFile is a file of what was once seen to be so, as keys that are digests of
// what it holds for.
type KeyFile struct{ path string }

// Proofs are those through Docker.
func (d Dir) Proofs() KeyFile { return KeyFile{filepath.Join(string(d), "proofs")} }

// Failures are the proofs through Docker that failed when they were last tried.
func (d Dir) Failures() KeyFile { return KeyFile{filepath.Join(string(d), "failed-proofs")} }

// Validations are the texts that dockerd --validate took.
func (d Dir) Validations() KeyFile { return KeyFile{filepath.Join(string(d), "validated")} }

// KnownProofs are the proofs and the failures by their keys. Both are nil where this
// process may not read them.
func (d Dir) KnownProofs() (proofs, failures map[string]bool) {
	if errors.Is(unix.Access(string(d), unix.X_OK), fs.ErrPermission) {
		return nil, nil
	}
	proofs, failures = map[string]bool{}, map[string]bool{}
	for _, key := range d.Proofs().Keys() {
		proofs[key] = true
	}
	for _, key := range d.Failures().Keys() {
		failures[key] = true
	}
	return proofs, failures
}

// Keys are all of them. What cannot be read was not seen.
func (m KeyFile) Keys() []string {
	text, err := durable.ReadLimited(m.path, 64<<10)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func (m KeyFile) Has(key string) bool { return slices.Contains(m.Keys(), key) }

func (m KeyFile) Add(key string) error {
	keys := append(withoutKey(m.Keys(), key), key)
	return m.write(keys[max(0, len(keys)-maxKeys):])
}

// Forget drops a key, after it was seen not to hold.
func (m KeyFile) Forget(key string) error {
	keys := m.Keys()
	if !slices.Contains(keys, key) {
		return nil
	}
	return m.write(withoutKey(keys, key))
}

func (m KeyFile) write(keys []string) error {
	if len(keys) == 0 {
		return os.Remove(m.path)
	}
	return durable.WriteFile(m.path, []byte(strings.Join(keys, "\n")+"\n"), durable.Plain(0o600))
}

func withoutKey(keys []string, key string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { return k == key })
}

// MadeIDs are the accounts and ranges that this program has made.
func (d Dir) MadeIDs() KeyFile { return KeyFile{filepath.Join(string(d), "ids")} }
