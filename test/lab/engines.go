package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An Engine is a version of dockerd that hosts can run.
type Engine struct {
	Name   string   // the name of its row in tables: major and minor version
	Suites []string // where it runs
	// Stores are where it can keep images.
	Stores []Store

	version  string // as it reports it; empty: the suite's own
	packages []string
	labels   string // linker flags
}

// A Store is where dockerd keeps images: GraphDriver or Containerd.
type Store string

const (
	// GraphDriver is dockerd's own store, overlay2.
	GraphDriver Store = "graph"
	// Containerd is containerd's image store, with its overlayfs snapshotter.
	Containerd Store = "containerd"
)

const (
	docker = "github.com/docker/docker"
	client = "github.com/docker/cli"
	moby   = "github.com/moby/moby/v2"
)

// Engines returns them, the oldest first. Debian 12 has 20.10, Debian 13 26.1;
// the others are built from the modules in engines/, by their own names.
func Engines() []Engine {
	both, graph := []string{"bookworm", "trixie"}, []Store{GraphDriver}
	stores := []Store{GraphDriver, Containerd}
	return []Engine{
		{Name: "20.10", Suites: []string{"bookworm"}, Stores: graph},
		released("24.0", "24.0.6", both, graph),
		released("25.0", "25.0.14", both, graph),
		{Name: "26.1", Suites: []string{"trixie"}, Stores: graph},
		released("27.5", "27.5.1", both, stores),
		released("28.5", "28.5.2", both, stores),
		{
			Name: Newest, Suites: both, Stores: stores, version: NewestVersion,
			labels: "-X " + moby + "/dockerversion.Version=" + NewestVersion,
			packages: []string{
				moby + "/cmd/dockerd", moby + "/cmd/docker-proxy",
				"github.com/containerd/containerd/v2/cmd/containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
			},
		},
	}
}

// Newest is the name of the newest engine, and NewestVersion is what it reports:
// a beta of moby v2, with containerd 2 and a runc of its own. The client of Docker 29 requires a module that cannot
// be downloaded, so the newest engine has the client of 28.5.
const (
	Newest         = "29"
	NewestVersion  = "29.0.0+moby.2.0.0-beta.24"
	clientOfNewest = "28.5"
)

func released(name, version string, suites []string, stores []Store) Engine {
	return Engine{
		Name: name, Suites: suites, Stores: stores, version: version,
		labels:   "-X " + docker + "/dockerversion.Version=" + version + " -X " + client + "/cli/version.Version=" + version,
		packages: []string{docker + "/cmd/dockerd", docker + "/cmd/docker-proxy", client + "/cmd/docker"},
	}
}

// Version is the version that dockerd reports; empty if the lab does not build it.
func (e Engine) Version() string { return e.version }

// Built says whether the lab builds the engine; the others are in a suite.
func (e Engine) Built() bool { return len(e.packages) > 0 }

func engineNamed(name string) (Engine, error) {
	var names []string
	for _, e := range Engines() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Engine{}, fmt.Errorf("engine %q: want one of %s", name, strings.Join(names, ", "))
}

// HasEngine says whether a host with the engine boots without a build of
// minutes.
func (c *Cache) HasEngine(ctx context.Context, e Engine) (bool, error) {
	if !e.Built() {
		return true, nil
	}
	_, recipe, err := e.recipe(ctx)
	return exists(filepath.Join(c.dir, artefactName("engine-"+e.Name, recipe))), err
}

// recipe returns the directory of the engine's module and what its build
// depends on.
func (e Engine) recipe(ctx context.Context) (module, recipe string, err error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", "", err
	}
	module = filepath.Join(root, "test/lab/engines", e.Name)
	recipe = fmt.Sprintln(gcFlags, withoutC, e.version, e.labels, e.packages)
	if e.Name == Newest {
		recipe += withC
	}
	for _, f := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, f))
		if err != nil {
			return "", "", fmt.Errorf("build engine %s: %w", e.Name, err)
		}
		recipe += "\n" + string(text)
	}
	return module, recipe, nil
}

const (
	// Docker's releases have no go.mod, so the compiler takes them for Go 1.16.
	gcFlags = "-gcflags=github.com/docker/...=-lang=go1.21"
	// This driver needs a library in C.
	withoutC = "exclude_graphdriver_devicemapper"
	// runc needs C for the namespaces that it enters before Go starts, and for
	// seccomp, which BuildKit asks for.
	withC = "osusergo netgo seccomp"
)

// Engine returns a directory with the programs of an engine that the lab
// builds. The first build takes minutes.
func (c *Cache) Engine(ctx context.Context, e Engine) (string, error) {
	module, recipe, err := e.recipe(ctx)
	if err != nil {
		return "", err
	}
	return c.artefact(ctx, "engine-"+e.Name, recipe, func(ctx context.Context, dir string) error {
		build := func(cgo, tags, flags string, packages ...string) error {
			argv := []string{"go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, gcFlags, "-ldflags", "-s -w " + flags, "-o", dir + "/"}
			_, err := toolRun(ctx, module, []string{"CGO_ENABLED=" + cgo, "GOWORK=off"}, append(argv, packages...)...)
			return err
		}
		if e.Name == Newest { // the suites' runc is too old for it
			if err := build("1", withC, "-extldflags -static", "github.com/opencontainers/runc"); err != nil {
				return err
			}
		}
		return build("0", withoutC, e.labels, e.packages...)
	})
}

// withEngine puts an engine that the lab builds into a host, ahead of the
// suite's own in the PATH.
func (h *Host) withEngine(ctx context.Context, root *os.Root, o Options) error {
	if o.Engine == "" {
		return nil
	}
	e, err := engineNamed(o.Engine)
	if err != nil || !e.Built() {
		return err
	}
	put := func(e Engine, wanted func(program string) bool) error {
		dir, err := h.cache.Engine(ctx, e)
		if err != nil {
			return err
		}
		programs, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, p := range programs {
			if !wanted(p.Name()) {
				continue
			}
			if err := copyInto(root, filepath.Join(dir, p.Name()), "usr/local/bin/"+p.Name()); err != nil {
				return err
			}
		}
		return nil
	}
	if e.Name == Newest {
		other, err := engineNamed(clientOfNewest)
		if err != nil {
			return err
		}
		if err := put(other, func(program string) bool { return program == "docker" }); err != nil {
			return err
		}
	}
	if err := put(e, func(string) bool { return true }); err != nil {
		return err
	}
	start := map[string]string{"docker": "dockerd -H fd:// --containerd=/run/containerd/containerd.sock"}
	if e.Name == Newest {
		start["containerd"] = "containerd"
	}
	for unit, command := range start {
		text := "[Service]\nExecStart=\nExecStart=/usr/local/bin/" + command + "\n"
		if err := writeFile(root, "etc/systemd/system/"+unit+".service.d/10-engine.conf", File{Content: text}); err != nil {
			return err
		}
	}
	return nil
}
