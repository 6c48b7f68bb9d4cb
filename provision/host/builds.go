package host

import (
	"path/filepath"

	"runsc-provisioner/provision/buildkit"
)

// buildKitDropIn is the path of the drop-in for builds.
func (p Paths) buildKitDropIn() string {
	return filepath.Join(p.Etc, "systemd/system", DockerUnit+".d", buildkit.DropInName)
}

// BuildKit is where to look for what BuildKit runs steps with. A program in an earlier store stays there while builds are
// in gVisor: dockerd has its path, and each release can be named in it.
func (h *Host) BuildKit() buildkit.Places {
	places := buildkit.Places{DropIn: h.Paths.buildKitDropIn(), Program: buildkit.ProgramPath(h.Paths.Store), Proc: h.Paths.Proc}
	for _, store := range h.Stores() {
		if program := buildkit.ProgramPath(store.Dir); buildkit.Installed(program) {
			places.Program = program
			break
		}
	}
	return places
}
