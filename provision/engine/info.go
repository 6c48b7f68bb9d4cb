package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Info holds the settings that dockerd currently runs with, whatever
// daemon.json says.
type Info struct {
	Version      string // "26.1.5+dfsg1"
	OSType       string // "linux"
	Architecture string // "x86_64", "aarch64"

	DefaultRuntime string
	Runtimes       map[string]Runtime

	UsernsRemap bool // userns-remap is in effect
	Rootless    bool // dockerd itself runs without root
	LiveRestore bool // containers outlive a restart

	RootDir       string // with userns-remap: that of the remapped user
	StorageDriver string
	CgroupDriver  string // cgroupfs, systemd or none
	LoggingDriver string
	Debug         bool
	Labels        []string
	Running       int  // containers that run or are paused
	Snapshotter   bool // images are in containerd's store
	Swarm         bool // the host is a node of a swarm
	// Authorization are the authorization plugins with which dockerd started. A reload does
	// not change this answer.
	Authorization []string
}

// Runtime is a runtime that a container can ask for by name.
type Runtime struct {
	Path string // empty for a runtime that is registered by its shim type
	Type string // the shim type, if dockerd reports it (since 23.0)
	Args []string
}

// Info asks dockerd for its settings.
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, err := c.info(ctx)
	return info, c.withAct(ctx, "ask for info", err)
}

func (c *Client) info(ctx context.Context) (Info, error) {
	if err := c.agree(ctx); err != nil {
		return Info{}, err
	}
	answer, err := c.moby.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, err
	}
	said := answer.Info
	if said.ServerVersion == "" || said.DefaultRuntime == "" {
		return Info{}, errors.New("the answer has no version or no default runtime")
	}
	info := Info{
		Version:        said.ServerVersion,
		OSType:         said.OSType,
		Architecture:   said.Architecture,
		DefaultRuntime: said.DefaultRuntime,
		Runtimes:       make(map[string]Runtime, len(said.Runtimes)),
		LiveRestore:    said.LiveRestoreEnabled,
		RootDir:        said.DockerRootDir,
		StorageDriver:  said.Driver,
		CgroupDriver:   said.CgroupDriver,
		LoggingDriver:  said.LoggingDriver,
		Debug:          said.Debug,
		Labels:         said.Labels,
		Authorization:  said.Plugins.Authorization,
		// dockerd does not count paused containers as running.
		Running: said.ContainersRunning + said.ContainersPaused,
	}
	for _, pair := range said.DriverStatus {
		if pair[0] == "driver-type" && strings.HasPrefix(pair[1], "io.containerd.snapshotter.") {
			info.Snapshotter = true
		}
	}
	switch said.Swarm.LocalNodeState {
	case "", swarm.LocalNodeStateInactive:
	default:
		info.Swarm = true
	}
	for name, runtime := range said.Runtimes {
		info.Runtimes[name] = Runtime{Path: runtime.Path, Type: runtime.Type, Args: runtime.Args}
	}
	for _, option := range said.SecurityOptions {
		switch name, _, _ := strings.Cut(option, ","); name {
		case "name=userns":
			info.UsernsRemap = true
		case "name=rootless":
			info.Rootless = true
		}
	}
	return info, nil
}
