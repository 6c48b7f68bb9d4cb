package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// maxKeys is how many keys a KeyFile keeps, the newest.
const maxKeys = 64

// maxKeyFile limits the size of a KeyFile in bytes.
const maxKeyFile = 64 << 10

// KeyFile is a file with up to 64 keys, one a line. A key stands for something that this
// program has seen or made.
type KeyFile struct{ path string }

// Proofs has the keys of the successful proofs through Docker.
func (d Dir) Proofs() KeyFile { return KeyFile{filepath.Join(string(d), proofsName)} }

// Failures has the keys of the proofs through Docker that failed at the last try.
func (d Dir) Failures() KeyFile { return KeyFile{filepath.Join(string(d), failuresName)} }

// Rejections has the keys of arguments that a release's runsc rejects, by RejectionKey.
func (d Dir) Rejections() KeyFile { return KeyFile{filepath.Join(string(d), rejectionsName)} }

// Validations has the keys of the texts that dockerd --validate accepted.
func (d Dir) Validations() KeyFile { return KeyFile{filepath.Join(string(d), validationsName)} }

// MadeIDs has the accounts and id ranges that this program has made, by subid.AccountKey
// and subid.RangeKey.
func (d Dir) MadeIDs() KeyFile { return KeyFile{filepath.Join(string(d), madeIDsName)} }

// Trials has the names of containers of proofs that are still to remove: Docker was down
// when the journal was removed.
func (d Dir) Trials() KeyFile { return KeyFile{filepath.Join(string(d), trialsName)} }

// Stores has the directories of releases that the configuration has named, besides the
// built-in one.
func (d Dir) Stores() KeyFile { return KeyFile{filepath.Join(string(d), "stores")} }

// Links has the paths of the link that the configuration has named, besides the built-in
// one.
func (d Dir) Links() KeyFile { return KeyFile{filepath.Join(string(d), "links")} }

// NoteTrial adds the container of j to Trials, unless it is gone.
func (d Dir) NoteTrial(j Journal) error {
	if j.Trial == "" || j.TrialGone {
		return nil
	}
	if err := d.Trials().Add(j.Trial); err != nil {
		return fmt.Errorf("note the container %s: %w", j.Trial, err)
	}
	return nil
}

// KnownProofs returns the keys of Proofs and of Failures. Both are nil if this user may
// not read them.
func (d Dir) KnownProofs() (proofs, failures map[string]bool) {
	if errors.Is(unix.Access(string(d), unix.X_OK), fs.ErrPermission) {
		return nil, nil
	}
	return d.Proofs().set(), d.Failures().set()
}

// KnownRejections returns the keys of Rejections. It is nil if this user may not read
// them.
func (d Dir) KnownRejections() map[string]bool {
	if errors.Is(unix.Access(string(d), unix.X_OK), fs.ErrPermission) {
		return nil
	}
	return d.Rejections().set()
}

func (m KeyFile) set() map[string]bool {
	keys := map[string]bool{}
	for _, key := range m.Keys() {
		keys[key] = true
	}
	return keys
}

// Keys returns all keys, the oldest first; none if the file is missing or cannot be read.
func (m KeyFile) Keys() []string {
	text, err := durable.ReadOwn(m.path, maxKeyFile)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// Has reports whether the file has key.
func (m KeyFile) Has(key string) bool { return slices.Contains(m.Keys(), key) }

// Add makes key the newest one.
func (m KeyFile) Add(key string) error {
	keys := append(withoutKey(m.Keys(), key), key)
	return m.write(keys[max(0, len(keys)-maxKeys):])
}

// Forget removes a key.
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
