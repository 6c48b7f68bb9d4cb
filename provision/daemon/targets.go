package daemon

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/watch"
)

// targets is what is watched.
type targets struct {
	config []watch.Target // what says how the host should be
	host   []watch.Target // what should be so
}

// stamps are those of targets, each from before it was read.
type stamps struct{ config, host watch.Stamp }

func (t targets) stamps() stamps { return stamps{watch.StampOf(t.config), watch.StampOf(t.host)} }

func (t targets) all() []watch.Target { return slices.Concat(t.config, t.host) }

// targetsOf is what is watched of a host whose daemon.json is at a path.
func (r *rounds) targetsOf(daemonJSON string, c config.Config, keptConfig bool) targets {
	paths := r.host.Paths
	file, dropins := r.host.ConfigPaths()
	t := targets{
		config: []watch.Target{{Path: file}, {Path: dropins, Tree: true}},
		host:   []watch.Target{{Path: daemonJSON}, {Path: paths.Link}, {Path: paths.Store, Tree: true, Except: provision.StoreHidden}},
	}
	if keptConfig {
		// An apply may take the configuration as it is.
		t.config = append(t.config, watch.Target{Path: r.host.ConfigFiles().AcceptedPath()})
	}
	if c.Docker.UsernsRemap != "" {
		for _, name := range []string{"subuid", "subgid"} {
			t.host = append(t.host, watch.Target{Path: filepath.Join(paths.Etc, name)})
		}
	}
	return t
}
