package host

import "runsc-provisioner/verify"

// WithUIDMap are containers with the uid map that userns-remap gives them, but for those
// that opted out of it.
func WithUIDMap(containers []verify.Container, uids []verify.IDRange) []verify.Container {
	for i := range containers {
		if containers[i].UsernsMode != "host" {
			containers[i].UIDMap = uids
		}
	}
	return containers
}
