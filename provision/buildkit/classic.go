package buildkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// buildxPlugin is the plugin with which `docker build` builds since 23.0. Without it, docker falls back to the classic
// builder (docker/cli cmd/docker/builder.go).
const buildxPlugin = "docker-buildx"

// ClassicReason says why `docker build` uses the classic builder on a host; "" if it does not. plugins are the directories
// with the plugins of the docker command, version is dockerd's, and on is features.buildkit of daemon.json. A dockerd
// before 23.0 asks for the classic builder unless on is true (moby builder/build, Builder-Version of /_ping). A later one
// asks for BuildKit, which the docker command runs as a plugin. The home directories and environments of users are not
// checked, nor are other clients: docker-py always uses the classic builder.
func ClassicReason(plugins []string, version string, on bool) string {
	major, _, _ := strings.Cut(version, ".")
	number, err := strconv.Atoi(major)
	switch {
	case plugins == nil || err != nil, number < 23 && on:
		return ""
	case number < 23:
		return "Docker " + version + " uses the classic builder"
	case isInstalled(plugins, buildxPlugin):
		return ""
	}
	return "without the plugin buildx, docker build uses the classic builder"
}

func isInstalled(dirs []string, name string) bool {
	for _, dir := range dirs {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}
