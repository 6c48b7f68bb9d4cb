package host

import (
	"strings"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
)

// IsHot reports whether dockerd applies an option of daemon.json on a reload. Every other
// option needs a restart.
//
// The list comes from moby's daemon/reload.go and daemon/reload_unix.go, and from
// reloadConfig in cmd/dockerd/daemon.go (daemon/command/daemon.go from 29 on), in
// 20.10, 26.1 and 29. Only 20.10 has the three options of a cluster
// store: later versions refuse to read a file that has them.
func IsHot(option string) bool {
	switch option {
	case "runtimes", config.ItemDefaultRuntime, "default-shm-size", "default-ipc-mode", "default-cgroupns-mode",
		"debug", "labels", OptionLiveRestore, "shutdown-timeout",
		"insecure-registries", "registry-mirrors", "allow-nondistributable-artifacts",
		"cluster-store", "cluster-advertise", "cluster-store-opts":
		return true
	}
	return ResetsOnReload(option)
}

// CheckedOnReload reports whether a reload refuses each value of a hot option with which
// dockerd would not start. 20.10 ignores some values of a cluster store on a reload.
func CheckedOnReload(option string) bool {
	return IsHot(option) && !strings.HasPrefix(option, "cluster-")
}

// ResetsOnReload reports whether a reload sets an option to its built-in value if
// daemon.json does not have it. Other options keep the value that dockerd runs with.
func ResetsOnReload(option string) bool {
	switch option {
	case "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "network-diagnostic-port", OptionAuthorization:
		return true
	}
	return false
}

// Options of daemon.json that this program reads but does not manage.
const (
	OptionDataRoot      = "data-root"
	OptionGraph         = "graph" // the name of data-root until 17.05, accepted until 20.10
	OptionStorageDriver = "storage-driver"
	OptionLogDriver     = "log-driver"
	OptionFeatures      = "features" // all hot except FeatureSnapshotter
	OptionLiveRestore   = "live-restore"
	OptionHosts         = commandline.OptionHosts
	OptionAuthorization = "authorization-plugins"
)

// FeatureSnapshotter keeps images in containerd's store. It needs a restart.
const FeatureSnapshotter = "containerd-snapshotter"
