package buildkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// maxSpec limits a specification in bytes. BuildKit's are below 64 KiB; mounts and environment make them longer.
const maxSpec = 16 << 20

// Spec is the OCI specification of a step.
type Spec struct {
	text []byte
	is   specification
}

// specification has the parts that are read.
type specification struct {
	Process struct {
		Capabilities struct{ Bounding []string }
	}
	Root struct {
		Path     string
		Readonly bool
	}
	Mounts []struct{ Destination, Source string }
	Linux  struct {
		Namespaces []struct{ Type, Path string }
	}
}

// ParseSpec reads a specification.
func ParseSpec(text []byte) (Spec, error) {
	s := Spec{text: text}
	if err := json.Unmarshal(text, &s.is); err != nil {
		return Spec{}, err
	}
	if s.is.Root.Path == "" {
		return Spec{}, errors.New("it has no root file system")
	}
	return s, nil
}

// Refusal says why gVisor cannot run the step as asked; "" if it can.
func (s Spec) Refusal() string {
	// BuildKit adds all capabilities for --security=insecure, and else Docker's defaults, which lack this one.
	if slices.Contains(s.is.Process.Capabilities.Bounding, "CAP_SYS_ADMIN") {
		return "RUN --security=insecure gives a step the host's devices and kernel settings, and a sandbox of gVisor has none of these"
	}
	return ""
}

// NetworkNamespace is the path of the network namespace that the step joins, and "" if it gets a new one. With host,
// it has the host's: it has none of its own.
func (s Spec) NetworkNamespace() (path string, host bool) {
	for _, n := range s.is.Linux.Namespaces {
		if n.Type == "network" {
			return n.Path, false
		}
	}
	return "", true
}

// Root is the directory of the step's root file system. bundle is that of the specification.
func (s Spec) Root(bundle string) string {
	if filepath.IsAbs(s.is.Root.Path) {
		return s.is.Root.Path
	}
	return filepath.Join(bundle, s.is.Root.Path)
}

// Sources are the paths on the host of what is mounted in the step.
func (s Spec) Sources() []string {
	var sources []string
	for _, m := range s.is.Mounts {
		if filepath.IsAbs(m.Source) {
			sources = append(sources, m.Source)
		}
	}
	return sources
}

// MountsTmp reports whether something is mounted at /tmp. gVisor then leaves /tmp as it is.
func (s Spec) MountsTmp() bool {
	for _, m := range s.is.Mounts {
		if path.Clean("/"+m.Destination) == "/tmp" {
			return true
		}
	}
	return false
}

// Readonly reports whether the step cannot write to its root file system.
func (s Spec) Readonly() bool { return s.is.Root.Readonly }

// WithTmp mounts the /tmp of the step's own root file system, which is at path on the host, at /tmp. Without any mount
// there, gVisor hides an empty /tmp under a tmpfs, and the layer lacks what the step writes to it. It is the first
// mount, so that others may be below it.
func (s Spec) WithTmp(path string) ([]byte, error) {
	access := "rw"
	if s.is.Root.Readonly {
		access = "ro"
	}
	bind, err := json.Marshal(map[string]any{"destination": "/tmp", "type": "bind", "source": path, "options": []string{"bind", access}})
	if err != nil {
		return nil, err
	}
	mounts := []json.RawMessage{bind}
	for _, m := range gjson.GetBytes(s.text, "mounts").Array() {
		mounts = append(mounts, json.RawMessage(m.Raw))
	}
	all, err := json.Marshal(mounts)
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	return sjson.SetRawBytes(s.text, "mounts", all)
}
