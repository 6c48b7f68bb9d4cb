package host

import (
	"path/filepath"

	"runsc-provisioner/provision/buildkit"
)

// BuildKit is where to look for what BuildKit runs steps with.
func (p Paths) BuildKit() buildkit.Places {
	dropin := filepath.Join(p.Etc, "systemd/system", DockerUnit+".d", buildkit.DropInName)
	return buildkit.Places{DropIn: dropin, Program: buildkit.ProgramPath(p.Store), Proc: p.Proc}
}
