package state

import (
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/verify"
)

// ProofKey identifies what a proof through Docker covers: the files of a release
// (manifest), the arguments of the runtime, the version of dockerd, the boot of the kernel
// and the mount flags of the store (since), userns-remap, and what happens to a container's
// writes. The proofs of earlier versions did not cover writes: their keys differ.
func ProofKey(manifest string, args []string, dockerVersion, since string, remapped bool, writes verify.Writes) string {
	text, err := json.Marshal([]any{manifest, append([]string{}, args...), dockerVersion, since, remapped, writes})
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	return durable.Digest(text)
}

// BuildProofKey identifies what a proof of a build covers: what ProofKey has, and the program that BuildKit runs steps
// with.
func BuildProofKey(manifest string, args []string, dockerVersion, since string, remapped bool, program []byte) string {
	text, err := json.Marshal([]any{"build", manifest, append([]string{}, args...), dockerVersion, since, remapped, durable.Digest(program)})
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	return durable.Digest(text)
}

// RejectionKey identifies an argument that runsc of a release (manifest) rejects when it
// reads its command line. An argument with a value of its own is both, joined by a blank.
// The files of a release alone decide that: no boot, dockerd or other argument changes it.
func RejectionKey(manifest, argument string) string {
	text, err := json.Marshal([]string{"rejects", manifest, argument})
	if err != nil {
		panic(err) // strings always encode
	}
	return durable.Digest(text)
}

// PastProofKey identifies a proof of the files of a release with these arguments, under any
// dockerd and boot: after a reboot or an upgrade of dockerd, these arguments are still no
// typo. It includes the noexec flag of the store, because nothing starts from a noexec
// mount. It excludes the other mount flags, which differ in the unit of the daemon.
func PastProofKey(manifest string, args []string, since string) string {
	_, mount, _ := strings.Cut(since, " ")
	flags, _ := strconv.ParseUint(mount, 16, 64)
	text, err := json.Marshal([]any{"ever", manifest, append([]string{}, args...), flags&unix.ST_NOEXEC != 0})
	if err != nil {
		panic(err) // strings always encode
	}
	return durable.Digest(text)
}
