package engine

import (
	"fmt"
	"strings"
	"time"
)

// inspection is the part of GET /containers/ID/json that is needed. moby's own
// type is not used: it refuses the whole answer for one address that it cannot
// parse, and dockerd (20.10 and 26.1) runs containers whose port bindings name
// "localhost" or 010.0.0.1. One such container would hide all others.
type inspection struct {
	ID      string `json:"Id"`
	Name    string
	Image   string
	Created string
	State   *struct {
		Status    string
		Running   bool
		Pid       int
		StartedAt string
	}
	HostConfig *hostConfig
	Mounts     []struct {
		Type, Name, Driver, Source, Destination string
		RW                                      bool
	}
	Config *struct {
		Image  string
		Labels map[string]string
	}
}

// hostConfig is what a container was asked to be given of the host.
type hostConfig struct {
	Runtime           string
	Privileged        bool
	UsernsMode        string
	NetworkMode       string
	PidMode           string
	IpcMode           string
	UTSMode           string
	CgroupnsMode      string
	CapAdd            []string
	SecurityOpt       []string
	MaskedPaths       []string
	ReadonlyPaths     []string
	Devices           []struct{ PathOnHost, PathInContainer string }
	DeviceCgroupRules []string
	DeviceRequests    []deviceRequest
	Annotations       map[string]string
	Mounts            []struct {
		Target        string
		VolumeOptions *struct {
			DriverConfig *struct{ Options map[string]string }
		}
	}
}

type deviceRequest struct {
	Driver    string
	Count     int // -1 is all
	DeviceIDs []string
}

// container is what was asked for, and nothing of how it runs.
func (i *inspection) container() Container {
	host := i.HostConfig
	one := Container{
		ID:             i.ID,
		Name:           strings.TrimPrefix(i.Name, "/"),
		Image:          i.Config.Image,
		ImageID:        i.Image,
		Runtime:        host.Runtime,
		Privileged:     host.Privileged,
		UsernsMode:     host.UsernsMode,
		NetworkMode:    host.NetworkMode,
		PidMode:        host.PidMode,
		CapAdd:         host.CapAdd,
		SecurityOpt:    host.SecurityOpt,
		MaskedPaths:    host.MaskedPaths,
		ReadonlyPaths:  host.ReadonlyPaths,
		DeviceRules:    host.DeviceCgroupRules,
		DeviceRequests: host.requests(),
		Annotations:    host.Annotations,
		Labels:         i.Config.Labels,
	}
	// What cannot be read as a time is before all others.
	one.Created, _ = time.Parse(time.RFC3339Nano, i.Created)
	for _, mode := range []struct{ name, is string }{
		{"network", host.NetworkMode}, {"pid", host.PidMode}, {"ipc", host.IpcMode}, {"uts", host.UTSMode}, {"cgroupns", host.CgroupnsMode},
	} {
		if of, joins := strings.CutPrefix(mode.is, "container:"); joins {
			one.Joins = append(one.Joins, Join{Kind: mode.name, Container: of})
		}
		if mode.is == "host" {
			one.HostNamespaces = append(one.HostNamespaces, mode.name)
		}
	}
	for _, device := range host.Devices {
		one.Devices = append(one.Devices, Device{Source: device.PathOnHost, Destination: device.PathInContainer})
	}
	for _, mount := range i.Mounts {
		switch {
		case mount.Type == "bind":
			one.Mounts = append(one.Mounts, Mount{Source: mount.Source, Destination: mount.Destination, Writable: mount.RW})
		case mount.Type == "volume" && mount.Driver == localDriver:
			one.Volumes = append(one.Volumes, MountedVolume{
				Name: mount.Name, Destination: mount.Destination, Writable: mount.RW, Options: host.volumeOptions(mount.Destination),
			})
		}
	}
	return one
}

// volumeOptions are those that came with --mount: dockerd heeds them if the
// volume was not there before.
func (h *hostConfig) volumeOptions(target string) map[string]string {
	for _, mount := range h.Mounts {
		if mount.Target == target && mount.VolumeOptions != nil && mount.VolumeOptions.DriverConfig != nil {
			return mount.VolumeOptions.DriverConfig.Options
		}
	}
	return nil
}

// requests are the devices asked for by way of a driver, as the docker command
// has them.
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
