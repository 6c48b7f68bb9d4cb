package host

import (
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// ContainersOf are the containers of dockerd as package verify judges them.
func ContainersOf(list []engine.Container, uids []verify.IDRange) []verify.Container {
	containers := make([]verify.Container, len(list))
	for i, c := range list {
		containers[i] = Asked(c)
		if c.UsernsMode != "host" {
			containers[i].UIDMap = uids
		}
	}
	return containers
}

func Asked(c engine.Container) verify.Container {
	one := verify.Container{
		ID: c.ID, Name: c.Name, Unread: c.Unread, Image: c.Image, ImageID: c.ImageID, Runtime: c.Runtime, PID: c.PID, Restarting: c.Restarting,
		Privileged: c.Privileged, UsernsMode: c.UsernsMode, Created: c.Created, HostNamespaces: c.HostNamespaces,
		CapAdd: c.CapAdd, SecurityOpt: c.SecurityOpt, MaskedPaths: c.MaskedPaths, ReadonlyPaths: c.ReadonlyPaths,
		DeviceRules: c.DeviceRules, DeviceRequests: c.DeviceRequests, Labels: c.Labels, LabelsCut: c.LabelsCut, Annotations: c.Annotations,
	}
	for _, join := range c.Joins {
		one.Joins = append(one.Joins, verify.Join{Kind: join.Kind, Container: join.Container})
	}
	for _, device := range c.Devices {
		one.Devices = append(one.Devices, verify.HostDevice(device))
	}
	for _, mount := range c.Mounts {
		one.Mounts = append(one.Mounts, verify.HostMount{Source: mount.Source, Destination: mount.Destination, Writable: mount.Writable})
	}
	for _, volume := range c.Volumes {
		one.Volumes = append(one.Volumes, verify.Volume{Name: volume.Name, Destination: volume.Destination, Writable: volume.Writable, Options: volume.Options})
	}
	return one
}
