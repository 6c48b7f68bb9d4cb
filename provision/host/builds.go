package host

import (
	"path/filepath"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/buildkit"
)

// BuildKit is where to look for what BuildKit runs steps with. A program in an earlier store stays there while builds are
// in gVisor, and is made there again if the store is gone: dockerd has its path, and each release can be named in it.
func (h *Host) BuildKit() buildkit.Places {
	places := buildkit.Places{
		DropIn:  filepath.Join(h.Paths.Etc, "systemd/system", DockerUnit+".d", buildkit.DropInName),
		Program: buildkit.ProgramPath(h.Paths.Store),
		Proc:    h.Paths.Proc,
	}
	dropIn, _ := buildkit.ReadText(places.DropIn) // one that cannot be read names no store
	for _, store := range h.Stores() {
		if program := buildkit.ProgramPath(store.Dir); buildkit.Installed(program) || buildkit.DropInNames(dropIn, program) {
			places.Program = program
			break
		}
	}
	return places
}

// switchesBuildKitOn reports whether daemon.json has features.buildkit on.
func switchesBuildKitOn(doc daemonjson.Document) bool {
	on, _ := doc.Raw(OptionFeatures, "buildkit")
	return on == "true"
}
