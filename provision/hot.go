package provision

import "runsc-provisioner/provision/config"

// isHot reports whether dockerd takes an option of daemon.json on a reload. What
// is not known to be hot needs a restart.
//
// The list is that of moby's daemon/reload.go and daemon/reload_unix.go, and of
// reloadConfig in cmd/dockerd/daemon.go (daemon/command/daemon.go from 29 on), in
// 20.10, 26.1 and 29. The three options of a cluster store are in 20.10 alone:
// later versions refuse to read a file that has them.
func isHot(option string) bool {
	switch option {
	case "runtimes", config.ItemDefaultRuntime, "default-shm-size", "default-ipc-mode", "default-cgroupns-mode",
		"debug", "labels", optionLiveRestore, "shutdown-timeout",
		"insecure-registries", "registry-mirrors", "allow-nondistributable-artifacts",
		"cluster-store", "cluster-advertise", "cluster-store-opts":
		return true
	}
	return resetsOnReload(option)
}

// resetsOnReload reports whether a reload gives an option that daemon.json leaves
// out its built-in value. Others keep the value that dockerd has.
func resetsOnReload(option string) bool {
	switch option {
	case "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "network-diagnostic-port", "authorization-plugins":
		return true
	}
	return false
}

// The options of daemon.json, not ours, of which dockerd tells what it runs with.
const (
	optionDataRoot      = "data-root"
	optionGraph         = "graph" // its name until 17.05, taken until 20.10
	optionStorageDriver = "storage-driver"
	optionLogDriver     = "log-driver"
	optionFeatures      = "features" // all hot but featureSnapshotter
	optionLiveRestore   = "live-restore"
)

// featureSnapshotter keeps images in containerd's store; a restart decides.
const featureSnapshotter = "containerd-snapshotter"
