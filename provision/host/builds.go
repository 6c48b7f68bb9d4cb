package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"runsc-provisioner/daemonjson"
)

// buildxPlugin is what Docker's command line builds with since 23.0. Without it,
// it falls back to the classic builder (docker/cli cmd/docker/builder.go).
const buildxPlugin = "docker-buildx"

// classicBuildReason says why `docker build` is the classic builder on this host, or "".
// A dockerd before 23.0 asks for it unless features.buildkit is true (moby
// builder/build, /_ping's Builder-Version); a later one asks for BuildKit, which
// the command line does by a plugin. What a user has in his home directory or
// environment, and what other clients ask for, is not looked at: docker-py always
// uses the classic builder.
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
		return "Docker " + version + " builds with the classic builder"
	case pluginInstalled(plugins, buildxPlugin):
		return ""
	}
	return "without the plugin buildx Docker's command line builds with the classic builder"
}

func pluginInstalled(dirs []string, name string) bool {
	for _, dir := range dirs {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}
