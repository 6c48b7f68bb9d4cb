package host

import "runsc-provisioner/provision/config"

// IsHot reports whether dockerd takes an option of daemon.json on a reload. What
// is not known to be hot needs a restart.
//
// The list is that of moby's daemon/reload.go and daemon/reload_unix.go, and of
// reloadConfig in cmd/dockerd/daemon.go (daemon/command/daemon.go from 29 on), in
// 20.10, 26.1 and 29. The three options of a cluster store are in 20.10 alone:
// later versions refuse to read a file that has them.
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

// ResetsOnReload reports whether a reload gives an option that daemon.json leaves
// out its built-in value. Others keep the value that dockerd has.
func ResetsOnReload(option string) bool {
	switch option {
	case "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "network-diagnostic-port", "authorization-plugins":
		return true
	}
	return false
}

// The options of daemon.json, not ours, of which dockerd tells what it runs with.
const (
	OptionDataRoot      = "data-root"
	OptionGraph         = "graph" // its name until 17.05, taken until 20.10
	OptionStorageDriver = "storage-driver"
	OptionLogDriver     = "log-driver"
	OptionFeatures      = "features" // all hot but featureSnapshotter
	OptionLiveRestore   = "live-restore"
)

// FeatureSnapshotter keeps images in containerd's store; a restart decides.
const FeatureSnapshotter = "containerd-snapshotter"
