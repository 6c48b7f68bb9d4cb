package verify

import (
	"path"
	"slices"
	"strings"
)

// A Volume is a volume of dockerd's driver "local". Without options it is a
// directory below dockerd's data root. With options it is what mount(2) makes
// of them (docs.docker.com, docker volume create).
type Volume struct {
	Name        string
	Destination string
	Writable    bool
	Options     map[string]string // "type", "o" and "device"
	// Resolved is the device's path with every symlink followed, if that is
	// another path.
	Resolved string
	Unread   error // why Options could not be read
}

// AbsoluteDevice returns a volume's device as a path on the host. dockerd
// resolves a relative one against its working directory, and systemd starts it
// in /.
func AbsoluteDevice(device string) string {
	if strings.HasPrefix(device, "/") {
		return device
	}
	return path.Join("/", device)
}

// remoteTypes are file systems without files of this host: on another host, or,
// for tmpfs, in memory.
var remoteTypes = []string{"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "tmpfs"}

func (w *ways) volume(v Volume) {
	what := "-v " + Printable(v.Name) + ":" + Printable(v.Destination) + readOnly(v.Writable)
	device, kind := v.Options["device"], v.Options["type"]
	options := strings.Split(v.Options["o"], ",")
	writable := v.Writable && !slices.Contains(options, "ro")
	give := func(p, resolved string, writable bool) {
		if p == "" {
			return // mount(2) refuses that
		}
		p = AbsoluteDevice(p)
		gives, grave := w.mountGives(HostMount{Source: p, Writable: writable, Resolved: resolved})
		w.add(grave, gives, "%s, which is %s", what, Printable(p))
	}
	switch {
	case v.Unread != nil:
		w.add(true, "possibly anything: its options cannot be read: "+Printable(v.Unread.Error()), "%s", what)
	case len(v.Options) == 0:
	case slices.Contains(options, "bind") || slices.Contains(options, "rbind"):
		give(device, v.Resolved, writable)
	case slices.Contains(remoteTypes, kind):
	case kind == "overlay":
		for _, option := range options {
			key, value, _ := strings.Cut(option, "=")
			switch key {
			case "lowerdir", "lowerdir+", "datadir+":
				for _, dir := range strings.Split(value, ":") {
					give(dir, "", false)
				}
			case "upperdir", "workdir":
				give(value, "", writable)
			}
		}
	case kind != "" || device != "":
		w.add(true, "a file system that the host's kernel reads", "%s, which is %s of type %s", what, Printable(device), Printable(kind))
	}
}
