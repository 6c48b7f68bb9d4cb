package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// bundle makes an OCI bundle (opencontainers/runtime-spec, config.md). Its only file is
// self, read-only. It has no capabilities, and an empty network of its own.
func (p *proof) bundle(self string) error {
	root := filepath.Join(p.dir, "rootfs")
	for _, dir := range []string{p.dir, root, filepath.Join(p.dir, "state")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	// The mount point of self: the root is read-only.
	if err := os.WriteFile(filepath.Join(root, "init"), nil, 0o755); err != nil {
		return err
	}
	config, err := json.Marshal(ociSpec(self, p.cgroupsPath()))
	if err != nil {
		return err
	}
	// Sweep reads it if this run is killed.
	if err := os.WriteFile(filepath.Join(p.dir, "release"), []byte(p.release.Name), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, "config.json"), config, 0o600)
}

// cgroupSystemd is the name of the driver that leaves cgroups to systemd.
const cgroupSystemd = "systemd"

// cgroupsPath names the proof's cgroup as dockerd's driver does (moby
// daemon/oci_linux.go, WithCgroups). "" makes no cgroup.
func (p *proof) cgroupsPath() string {
	switch p.step.CgroupDriver {
	case "":
		return ""
	case cgroupSystemd:
		return "system.slice:runsc-provisioner:" + p.id
	default:
		return "/docker/" + p.id
	}
}

func ociSpec(self, cgroupsPath string) map[string]any {
	type object = map[string]any
	var namespaces []object
	for _, kind := range []string{"pid", "network", "ipc", "uts", "mount"} {
		namespaces = append(namespaces, object{"type": kind})
	}
	linux := object{"namespaces": namespaces}
	if cgroupsPath != "" {
		linux["cgroupsPath"] = cgroupsPath
	}
	return object{
		"ociVersion": "1.0.2",
		"hostname":   "proof",
		"process": object{
			"user":            object{"uid": 0, "gid": 0},
			"args":            []string{"/init", InitArg},
			"env":             []string{"PATH=/"},
			"cwd":             "/",
			"capabilities":    object{},
			"noNewPrivileges": true,
		},
		"root":   object{"path": "rootfs", "readonly": true},
		"mounts": []object{{"destination": "/init", "type": "bind", "source": self, "options": []string{"bind", "ro"}}},
		"linux":  linux,
	}
}
