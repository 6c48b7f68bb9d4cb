package plan

import (
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// CheckDefaultRuntime refuses a default runtime that nothing defines: dockerd --validate lets
// it pass, and dockerd then does not start.
func CheckDefaultRuntime(doc daemonjson.Document, o host.Observed) error {
	name, set := doc.DefaultRuntime()
	if !set {
		return nil
	}
	_, defined := doc.Runtimes()[name]
	// dockerd knows runc, and by their shim others (io.containerd.runsc.v1), by itself.
	if defined || name == config.RuncRuntime || strings.Contains(name, ".") || strings.Contains(name, "/") {
		return nil
	}
	if slices.ContainsFunc(o.Command, func(arg string) bool { return strings.Contains(arg, name+"=") }) {
		return nil // --add-runtime
	}
	return blocked.Refuse(o.File.Path, "default-runtime is %q, which is no runtime: dockerd would not start with it", name)
}
