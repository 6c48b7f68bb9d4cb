package lab

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
)

// Docker is the state of dockerd after the boot.
type Docker int

const (
	// DockerRunning: it is started at boot, answers, and has Image loaded.
	DockerRunning Docker = iota
	// DockerOnDemand: it is stopped, with docker.socket listening, so a request
	// starts it.
	DockerOnDemand
	// DockerStopped: it is stopped and disabled, and so is docker.socket.
	DockerStopped
)

// NoBinary as Options.Binary boots a host without the product.
const NoBinary = "none"

// A File is put into a host before it boots. Its owner is root.
type File struct {
	Content string
	Mode    fs.FileMode // 0: 0644
}

// A Bind makes a directory or file of the machine visible in the host.
type Bind struct {
	Source   string // on the machine, absolute
	Target   string // in the host, absolute
	ReadOnly bool
}

// Options of a host. The zero value is a trixie host with Docker running, the
// release server up and the product installed.
type Options struct {
	Suite  string // one of Suites; empty: trixie
	Name   string // part of the host name, for readers; empty: the suite
	Docker Docker
	// Files by absolute path; Boot makes missing parents.
	Files map[string]File
	Binds []Bind
	// Binary is put at /usr/local/bin/runsc-provisioner: a path on the machine,
	// NoBinary, or empty for one built from this checkout.
	Binary string
	// Engine is the name of one of Engines, which the host gets instead of the
	// suite's dockerd; empty: the suite's.
	Engine string
	// Buildx gives the docker command trixie's buildx, for builds by BuildKit.
	Buildx bool
	// Compose gives the docker command trixie's compose.
	Compose bool
	// Prometheus puts trixie's prometheus, promtool and prometheus-node-exporter
	// into the host's PATH.
	Prometheus bool
	// Packages of the suite are put into PackagesDir, as NAME.deb.
	Packages []string
	// WithoutConfig omits the drop-in LabConfig: the product then does not know
	// the lab's release server.
	WithoutConfig bool
}

// LabConfigPath is the path of LabConfig in a host.
const LabConfigPath = "/etc/runsc-provisioner/config.d/00-lab.toml"

// LabConfig points the product to the lab's release server, which signs nothing. A
// lab host has no delegated cgroup controller, so runsc needs the argument.
const LabConfig = `[release]
url = "https://` + ReleaseHost + `/gvisor/releases"
trust = "checksum"

[docker.runtimes.runsc]
args = ["--ignore-cgroups"]
`

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// complete sets defaults and refuses impossible options.
func (o Options) complete() (Options, error) {
	if o.Suite == "" {
		o.Suite = "trixie"
	}
	if err := checkSuite(o.Suite); err != nil {
		return o, err
	}
	if o.Name == "" {
		o.Name = o.Suite
	}
	if !hostName.MatchString(o.Name) {
		return o, fmt.Errorf("host name %q: want up to 40 of a-z, 0-9 and -", o.Name)
	}
	for _, b := range o.Binds {
		if !filepath.IsAbs(b.Source) || !filepath.IsAbs(b.Target) {
			return o, fmt.Errorf("bind %s to %s: want absolute paths", b.Source, b.Target)
		}
	}
	return o, nil
}
