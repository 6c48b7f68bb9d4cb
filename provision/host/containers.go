package host

import (
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// WithUIDMap sets the uid map that userns-remap gives to containers, except for those
// that opted out with --userns=host. It changes containers and returns it.
func WithUIDMap(containers []verify.Container, uids []verify.IDRange) []verify.Container {
	for i := range containers {
		if containers[i].UsernsMode != "host" {
			containers[i].UIDMap = uids
		}
	}
	return containers
}

// ResolveRuntimes finds the file that each runtime of dockerd runs.
func ResolveRuntimes(info engine.Info) map[string]verify.Runtime {
	paths := make(map[string]string, len(info.Runtimes))
	for name, runtime := range info.Runtimes {
		paths[name] = runtime.Path
	}
	resolved := verify.Resolve(paths)
	for name, runtime := range resolved {
		runtime.Type, runtime.Args = info.Runtimes[name].Type, info.Runtimes[name].Args
		resolved[name] = runtime
	}
	return resolved
}
