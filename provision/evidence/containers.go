package evidence

import (
	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// WithUIDMap sets the uid map that userns-remap gives to containers, nil if it is not configured, and root's id in the
// dockerd of info, except for those that opted out with --userns=host. It changes containers and returns it.
func WithUIDMap(containers []verify.Container, uids []verify.IDRange, info engine.Info) []verify.Container {
	root := dataroot.RemappedUID(info)
	for i := range containers {
		if containers[i].UsernsMode != "host" {
			containers[i].UIDMap, containers[i].RemapRoot = uids, root
		}
	}
	return containers
}

// Runtimes finds the file that each runtime of dockerd runs. inFile are the runtimes
// of daemon.json: dockerd 25.0 and later has a runtimeType and does not report it.
func Runtimes(info engine.Info, inFile map[string]daemonjson.Runtime) map[string]verify.Runtime {
	paths := make(map[string]string, len(info.Runtimes))
	for name, runtime := range info.Runtimes {
		paths[name] = runtime.Path
	}
	resolved := verify.Resolve(paths)
	for name, runtime := range resolved {
		runtime.Type, runtime.Args = info.Runtimes[name].Type, info.Runtimes[name].Args
		if runtime.Path == "" && runtime.Type == "" {
			runtime.Type = inFile[name].Type
			runtime.TypeIgnored = runtime.Type != "" && IgnoresType(info)
		}
		resolved[name] = runtime
	}
	return resolved
}

// IgnoresType reports whether dockerd ignores runtimeType. It then runs the containers of
// such a runtime with runc, and says nothing.
func IgnoresType(info engine.Info) bool {
	return !capability.Of(info.Version).Can(capability.RuntimeType)
}
