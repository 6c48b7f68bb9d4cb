package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/verify"
)

// container returns what the creator asked for, without the state.
func (i *inspection) container() verify.Container {
	host := i.HostConfig
	one := verify.Container{
		ID:             i.ID,
		Name:           strings.TrimPrefix(i.Name, "/"),
		ImageID:        i.Image,
		Runtime:        host.Runtime,
		Privileged:     host.Privileged,
		UsernsMode:     host.UsernsMode,
		CapAdd:         host.CapAdd,
		SecurityOpt:    host.SecurityOpt,
		MaskedPaths:    host.MaskedPaths,
		ReadonlyPaths:  host.ReadonlyPaths,
		DeviceRules:    host.DeviceCgroupRules,
		DeviceRequests: host.requests(),
		Annotations:    host.Annotations,
		LabelsCut:      i.cut,
		Network:        i.namedNetwork(),
		NoNetwork:      host.NetworkMode == "none",
		Sysctls:        slices.Sorted(maps.Keys(host.Sysctls)),
	}
	if i.Config != nil {
		one.Image, one.Labels, one.LabelsCut = i.Config.Image, i.Config.Labels.all, i.cut || i.Config.Labels.cut
	}
	// A time that does not parse is the zero time.
	one.Created, _ = time.Parse(time.RFC3339Nano, i.Created)
	for _, mode := range []struct{ name, is string }{
		{"network", host.NetworkMode}, {"pid", host.PidMode}, {"ipc", host.IpcMode}, {"uts", host.UTSMode}, {"cgroupns", host.CgroupnsMode},
	} {
		if of, joins := strings.CutPrefix(mode.is, "container:"); joins {
			one.Joins = append(one.Joins, verify.Join{Kind: mode.name, Container: of})
		}
		if mode.is == "host" {
			one.HostNamespaces = append(one.HostNamespaces, mode.name)
		}
	}
	for _, device := range host.Devices {
		one.Devices = append(one.Devices, verify.HostDevice{Source: device.PathOnHost, Destination: device.PathInContainer})
	}
	for _, mount := range i.Mounts {
		switch {
		case mount.Type == "bind":
			one.Mounts = append(one.Mounts, verify.HostMount{Source: mount.Source, Destination: mount.Destination, Writable: mount.RW})
		case mount.Type == "volume" && mount.Driver == localDriver:
			one.Volumes = append(one.Volumes, verify.Volume{
				Name: mount.Name, Destination: mount.Destination, Writable: mount.RW, Options: host.volumeOptions(mount.Destination),
			})
		}
	}
	return one
}

// namedNetwork is the network that the container was created with or, after that, connected to. It is "" if these
// are networks that every host has: they resolve no names of containers.
func (i *inspection) namedNetwork() string {
	for _, name := range append([]string{i.HostConfig.NetworkMode}, slices.Sorted(maps.Keys(i.NetworkSettings.Networks))...) {
		switch {
		case name == "", name == "default", name == "bridge", name == "host", name == "none", strings.HasPrefix(name, "container:"):
		default:
			return name
		}
	}
	return ""
}

// volumeOptions returns those that came with --mount. dockerd uses them only if
// it creates the volume.
func (h *hostConfig) volumeOptions(target string) map[string]string {
	for _, mount := range h.Mounts {
		if mount.Target == target && mount.VolumeOptions != nil && mount.VolumeOptions.DriverConfig != nil {
			return mount.VolumeOptions.DriverConfig.Options
		}
	}
	return nil
}

// requests lists the devices requested through a driver, as the docker command
// writes them.
func (h *hostConfig) requests() []string {
	var list []string
	for _, request := range h.DeviceRequests {
		which := strings.Join(request.DeviceIDs, ",")
		switch {
		case request.Driver == "cdi":
			list = append(list, "--device="+which)
		case which != "":
			list = append(list, "--gpus device="+which)
		case request.Count < 0:
			list = append(list, "--gpus all")
		default:
			list = append(list, fmt.Sprintf("--gpus %d", request.Count))
		}
	}
	return list
}
