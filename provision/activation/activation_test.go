package activation

import (
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
)

func TestFault_X02_WhatARestartActivates(t *testing.T) {
	const hot = `{"debug":true,"labels":["a=1"],"registry-mirrors":["https://m"],"live-restore":true,"runtimes":{"x":{"path":"/x"}},"default-runtime":"x","default-shm-size":"64M","max-concurrent-downloads":3}`
	for _, test := range []struct {
		name    string
		started string // "": not known
		file    string
		info    func(*engine.Info)
		next    string
		want    []string
	}{
		{name: "unchanged since the start", started: `{"data-root":"/srv","mtu":1450}`, file: `{ "mtu": 1450, "data-root": "/srv"}`},
		{name: "another spelling", started: `{"log-opts":{"a":"1","b":"2"}}`, file: `{"log-opts":{"b":"2", "a":"1"}}`},
		{name: "a value changed", started: `{"mtu":1450,"dns":["1.1.1.1"]}`, file: `{"mtu":1400,"dns":["1.1.1.1"]}`, want: []string{"mtu"}},
		{name: "an option removed", started: `{"storage-driver":"btrfs","exec-root":"/x"}`, file: `{}`, want: []string{"exec-root", "storage-driver"}},
		{name: "an option added", started: `{}`, file: `{"exec-opts":["native.cgroupdriver=cgroupfs"]}`, want: []string{"exec-opts"}},
		{name: "only hot ones changed", started: `{}`, file: hot},
		{name: "ours", started: `{}`, file: `{"userns-remap":"default","runtimes":{},"default-runtime":"runsc"}`},
		{name: "not known: every set option counts", file: `{"mtu":1450,"hosts":["fd://"],"no-such-option":1,"debug":true}`, want: []string{"hosts", "mtu", "no-such-option"}},
		{name: "not known: dockerd reports the same values", file: `{"data-root":"/srv/docker","storage-driver":"overlay2","log-driver":"local","features":{"buildkit":true}}`,
			info: func(i *engine.Info) { i.LoggingDriver = "local"; i.RootDir = "/srv/docker" }, next: "/srv/docker"},
		{name: "not known: dockerd reports other values", file: `{"data-root":"/srv/docker","storage-driver":"zfs","log-driver":"local","features":{"containerd-snapshotter":true}}`,
			next: "/srv/docker", want: []string{"data-root", "features", "log-driver", "storage-driver"}},
		{name: "not known: the data root removed", file: `{}`, info: func(i *engine.Info) { i.RootDir = "/srv/docker" }, next: "/var/lib/docker", want: []string{"data-root"}},
		{name: "remapped", started: `{}`, file: `{}`, info: func(i *engine.Info) { i.RootDir, i.UsernsRemap = "/var/lib/docker/100000.100000", true }, next: "/var/lib/docker"},
		{name: "the same data root, spelled differently", started: `{"data-root":"/link"}`, file: `{"data-root":"/var/lib/docker/"}`, next: "/var/lib/docker"},
		{name: "a feature that is hot", started: `{}`, file: `{"features":{"buildkit":false}}`},
		{name: "the snapshotter turned off", started: `{"features":{"containerd-snapshotter":true}}`, file: `{"features":{"containerd-snapshotter":false}}`,
			info: func(i *engine.Info) { i.Snapshotter = true }, want: []string{"features"}},
		{name: "29 without the feature that turned it off", started: `{"features":{"containerd-snapshotter":false}}`, file: `{"features":{}}`,
			info: func(i *engine.Info) { i.Version = "29.1.0" }, want: []string{"features"}},
		{name: "an empty file", started: " ", file: "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := host.Observed{File: seen.DaemonJSON(t, test.file), NextDataRoot: test.next}
			o.Engine = &engine.Info{Version: "26.1.5", RootDir: "/var/lib/docker", StorageDriver: "overlay2", LoggingDriver: "json-file"}
			if test.info != nil {
				test.info(o.Engine)
			}
			if test.started != "" {
				o.Loaded.Started = host.OptionDigests("", seen.DaemonJSON(t, test.started).Doc)
			}
			if got := ByRestart(o); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFault_X03_WhatAReloadActivates(t *testing.T) {
	for _, test := range []struct {
		name          string
		started, file string
		reloaded      string
		want          []string
		asDefault     bool
	}{
		{name: "nothing", started: `{"debug":false,"mtu":1}`, file: `{"debug":false,"mtu":2}`},
		{name: "options that dockerd reports", started: `{}`, file: `{"debug":true,"labels":["a=1"],"live-restore":true}`, want: []string{"debug", "labels", "live-restore"}},
		{name: "an option that differs from the start", started: `{"registry-mirrors":["a"],"shutdown-timeout":5}`, file: `{"registry-mirrors":["b"],"shutdown-timeout":5}`, want: []string{"registry-mirrors"}},
		{name: "already loaded by our reload", started: `{}`, reloaded: `{"registry-mirrors":["b"]}`, file: `{"registry-mirrors":["b"]}`},
		{name: "removed: it stays in effect", started: `{"registry-mirrors":["a"]}`, file: `{}`},
		{name: "removed: dockerd resets it", started: `{"max-concurrent-downloads":9}`, file: `{}`, want: []string{"max-concurrent-downloads"}},
		{name: "another runtime and default", started: `{}`, file: `{"runtimes":{"kata":{"path":"/kata"}},"default-runtime":"kata"}`, want: []string{"default-runtime", "runtimes.kata"}},
		{name: "a runtime that dockerd loses", started: `{"runtimes":{"kata":{"path":"/kata"}}}`, file: `{"runtimes":{}}`, want: []string{"runtimes.kata"}},
		{name: "our own default", started: `{}`, file: `{"runtimes":{"runsc":{"path":"/runsc"}},"default-runtime":"runsc"}`, asDefault: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			if test.asDefault {
				seen.AsDefault(&c)
			}
			h := seen.Host{File: test.file, Engine: seen.Dockerd(test.started)}
			o := h.Observed(t)
			if test.reloaded != "" {
				o.Loaded.Reloaded = host.OptionDigests("", seen.DaemonJSON(t, test.reloaded).Doc)
			}
			if got := ByReload(c, o, o.File.Doc); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
