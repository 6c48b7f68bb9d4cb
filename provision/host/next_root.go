package host

import (
	"path/filepath"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
)

// defaultDataRoot is dockerd's own.
const defaultDataRoot = "/var/lib/docker"

// nextRoot is where dockerd would have its data after a restart, but for what
// userns-remap adds: of daemon.json, of the flags, or the built-in one. dockerd
// goes by the directory that a symlink leads to. "" is not known.
func nextRoot(doc daemonjson.Document, flags engine.Flags) string {
	root := defaultDataRoot
	all := doc.Options()
	if flags.DataRoot != "" {
		root = flags.DataRoot
	}
	for _, option := range []string{OptionGraph, OptionDataRoot} {
		if set := daemonjson.StringOf(all[option]); set != "" {
			root = set
		}
	}
	if !filepath.IsAbs(root) {
		return ""
	}
	root = filepath.Clean(root)
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	return root
}
