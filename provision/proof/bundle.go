package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// bundle makes an OCI bundle whose only file is self, read-only, with no
// capabilities and a network of its own that leads nowhere
// (opencontainers/runtime-spec, config.md).
func (p *proof) bundle(self string) error {
	root := filepath.Join(p.dir, "rootfs")
	for _, dir := range []string{p.dir, root, filepath.Join(p.dir, "state")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	// A file to be mounted over: the root is read-only.
	if err := os.WriteFile(filepath.Join(root, "init"), nil, 0o755); err != nil {
		return err
	}
	config, err := json.Marshal(ociSpec(self, p.cgroupsPath()))
	if err != nil {
		return err
	}
	// For the next run, should this one be killed.
	if err := os.WriteFile(filepath.Join(p.dir, "release"), []byte(p.release.Name), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, "config.json"), config, 0o600)
}

// cgroupSystemd is the driver that leaves cgroups to systemd.
const cgroupSystemd = "systemd"

// cgroupsPath names the proof's cgroup in the form of dockerd's driver
// (moby daemon/oci_linux.go, WithCgroups).
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
