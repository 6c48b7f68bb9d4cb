package host

import (
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// ResolveRuntimes follows the runtimes that dockerd knows to their files.
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
