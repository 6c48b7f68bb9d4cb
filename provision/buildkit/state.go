package buildkit

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// StateDir is where runsc keeps the state of build steps, apart from that of Docker's containers.
const StateDir = "/run/runsc-builds"

// emptyNetwork is what runsc makes in its state directory with the first sandbox: a mount of a network namespace without
// interfaces. It stays until it is removed.
const emptyNetwork = "null-netns"

// RemoveState removes the state directory dir once no step runs any more. What a killed step has left in it stays, and
// with it the directory, until the next boot.
func RemoveState(dir string) {
	network := filepath.Join(dir, emptyNetwork)
	_ = unix.Unmount(network, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	_ = os.Remove(network)
	_ = os.Remove(dir)
}
