package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/buildkit"
)

// BuildKit is where to look for what BuildKit runs steps with.
func (p Paths) BuildKit() buildkit.Places {
	dropin := filepath.Join(p.Etc, "systemd/system", DockerUnit+".d", buildkit.DropInName)
	return buildkit.Places{DropIn: dropin, Program: buildkit.ProgramPath(p.Store), Proc: p.Proc}
}

// buildxPlugin is the plugin with which `docker build` builds since 23.0. Without it,
// docker falls back to the classic builder (docker/cli cmd/docker/builder.go).
const buildxPlugin = "docker-buildx"

// classicBuildReason says why `docker build` uses the classic builder on this host; "" if
// it does not. A dockerd before 23.0 asks for the classic builder unless
// features.buildkit is true (moby builder/build, Builder-Version of /_ping). A later one
// asks for BuildKit, which the docker command runs as a plugin. The home directories and
// environments of users are not checked, nor are other clients: docker-py always uses the
// classic builder.
func classicBuildReason(plugins []string, version string, doc daemonjson.Document) string {
	major, _, _ := strings.Cut(version, ".")
	number, err := strconv.Atoi(major)
	switch {
	case plugins == nil || err != nil:
		return ""
	case number < 23:
		if on, _ := doc.Raw("features", "buildkit"); on == "true" {
			return ""
		}
		return "Docker " + version + " uses the classic builder"
	case pluginInstalled(plugins, buildxPlugin):
		return ""
	}
	return "without the plugin buildx, docker build uses the classic builder"
}

func pluginInstalled(dirs []string, name string) bool {
	for _, dir := range dirs {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}
