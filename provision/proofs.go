package provision

import (
	"encoding/json"
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

// maxProofs is how many proofs are remembered, the newest.
const maxProofs = 64

// proofKey names what a proof through Docker holds for: these files of a
// release, with these arguments, under this dockerd, since this boot of the
// kernel and on a store that is mounted as it is, with or without userns-remap.
func proofKey(manifest string, args []string, dockerVersion, since string, remapped bool) string {
	text, err := json.Marshal([]any{manifest, append([]string{}, args...), dockerVersion, since, remapped})
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	return digestOf(text)
}

func (h *Host) proofsPath() string { return filepath.Join(h.Paths.State, "proofs") }

// proofs are the keys of what was proven. What cannot be read is not proven.
func (h *Host) proofs() []string {
	text, err := readLimited(h.proofsPath(), 64<<10)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// remember adds a proof.
func (h *Host) remember(key string) error {
	keys := append(slices.DeleteFunc(h.proofs(), func(k string) bool { return k == key }), key)
	return h.writeProofs(keys[max(0, len(keys)-maxProofs):])
}

// forget drops every proof of a key, after it was seen not to hold.
func (h *Host) forget(key string) error {
	keys := h.proofs()
	if !slices.Contains(keys, key) {
		return nil
	}
	return h.writeProofs(slices.DeleteFunc(keys, func(k string) bool { return k == key }))
}

func (h *Host) writeProofs(keys []string) error {
	return durable.WriteFile(h.proofsPath(), []byte(strings.Join(keys, "\n")+"\n"), durable.Plain(0o600))
}

// since is what has to stay for a proof to hold: the kernel, which has another
// boot id after each boot (random(4)), and how the store is mounted (noexec).
func (h *Host) since() (string, error) {
	text, err := os.ReadFile(filepath.Join(h.Paths.Proc, "sys/kernel/random/boot_id"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	var mount unix.Statfs_t
	err = unix.Statfs(h.Paths.Store, &mount)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look at how %s is mounted: %w", h.Paths.Store, err)
	}
	return fmt.Sprintf("%s %x", strings.TrimSpace(string(text)), mount.Flags), nil
}
