package state

import (
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/verify"
)

// ProofKey names what a proof through Docker holds for: these files of a
// release, with these arguments, under this dockerd, since this boot of the
// kernel and on a store that is mounted as it is, with or without userns-remap,
// and what was promised of a container's writes. Earlier versions remembered
// proofs without that last part, which said nothing of writes: their keys are
// others.
func ProofKey(manifest string, args []string, dockerVersion, since string, remapped bool, writes verify.Writes) string {
	text, err := json.Marshal([]any{manifest, append([]string{}, args...), dockerVersion, since, remapped, writes})
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	return durable.Digest(text)
}

// PastProofKey names that a proof was once seen of these files of a release with these
// arguments: what dockerd has of them is not a typo, also after a reboot or under a
// newer dockerd. A store that was remounted noexec starts nothing. The other flags
// of its mount are not the same in the daemon's unit as outside.
func PastProofKey(manifest string, args []string, since string) string {
	_, mount, _ := strings.Cut(since, " ")
	flags, _ := strconv.ParseUint(mount, 16, 64)
	text, err := json.Marshal([]any{"ever", manifest, append([]string{}, args...), flags&unix.ST_NOEXEC != 0})
	if err != nil {
		panic(err) // strings always encode
	}
	return durable.Digest(text)
}
