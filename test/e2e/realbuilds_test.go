package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/realbuild"
)

// Dockerfiles of people give the same layers in gVisor as with runc, by both builders. make matrix tries them: they take
// minutes.
func TestBuilds_Real(t *testing.T) {
	if os.Getenv(matrixEnv) == "" && os.Getenv(semanticsEnv) == "" {
		t.Skip("make matrix runs it")
	}
	o, err := realbuild.Options(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, remapped := range []bool{false, true} {
		t.Run(fmt.Sprintf("remapped=%t", remapped), func(t *testing.T) {
			onEach(t, o, func(t *testing.T, h host) {
				if remapped {
					h.run(switchOn + " --allow-restart")
				}
				h.realLayersAreEqual()
			})
		})
	}
}

// realLayersAreEqual compares what both builders make in gVisor with what they make with runc.
func (h host) realLayersAreEqual() {
	h.run(realbuild.Setup())
	runc, classic := h.realBuilds("runc", 1), h.realBuilds("classic-runc", 0)
	h.buildReal(realbuild.Capability, "capability", 1)
	h.run("runsc-provisioner apply --builds --default-runtime --allow-restart")
	h.capability(1, "exit code: 1")
	h.capability(0, "returned a non-zero code: 1")
	h.t.Run("BuildKit", func(t *testing.T) { sameLayers(t, runc, host{h.Host, t}.realBuilds("runsc", 1), nil) })
	// The classic builder's steps are containers: their empty /tmp is one in memory, so go leaves no trace of using it.
	tmp := map[string][]string{"go, layer 2": {"-tmp/"}}
	h.t.Run("classic", func(t *testing.T) { sameLayers(t, classic, host{h.Host, t}.realBuilds("classic-runsc", 0), tmp) })
}

// buildReal builds one of realbuild's Dockerfiles.
func (h host) buildReal(name, image string, buildkit int) {
	h.t.Helper()
	h.run(fmt.Sprintf("cd %s; DOCKER_BUILDKIT=%d docker build --no-cache -t %s -f %s.Dockerfile . 2>&1", realbuild.Context, buildkit, image, name))
}

// realBuilds builds all of them, and gives the layers of each image.
func (h host) realBuilds(tag string, buildkit int) map[string][]fileTree {
	h.t.Helper()
	seen := map[string][]fileTree{}
	for _, name := range slices.Sorted(maps.Keys(realbuild.Dockerfiles)) {
		image := fmt.Sprintf("real:%s-%s", name, tag)
		h.buildReal(name, image, buildkit)
		seen[name] = h.savedLayers(image)
		h.run("docker rmi " + image)
	}
	return seen
}

// capability tries to give a file a capability in a step, which docs/builds.md says is refused in gVisor.
func (h host) capability(buildkit int, want string) {
	h.t.Helper()
	r := h.exit(1, fmt.Sprintf("cd %s; DOCKER_BUILDKIT=%d docker build --no-cache -f %s.Dockerfile . 2>&1", realbuild.Context, buildkit, realbuild.Capability))
	if !strings.Contains(r.Stdout, want) || !strings.Contains(r.Stdout, "Operation not supported") {
		h.t.Errorf("setcap in a step: got %s", r.Stdout)
	}
}
