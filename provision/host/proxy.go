package host

import (
	"context"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
)

// DockerProxy says where dockerd is given a proxy for https: "HTTPS_PROXY of docker.service", or
// "https-proxy in" daemon.json (from 23.0 on); "" if it is not, or if that is unknown. It never returns the
// proxy itself, which may have a password.
func (h *Host) DockerProxy(ctx context.Context) string {
	unit, err := h.AskUnit(ctx, DockerUnit)
	if err != nil {
		return ""
	}
	if name, err := commandline.ProxyVariable(unit.service()); err == nil && name != "" {
		return name + " of " + DockerUnit
	}
	_, flags, err := h.CommandLine(unit)
	if err != nil {
		return ""
	}
	file, err := daemonfile.Read(h.DaemonJSON(flags))
	if err != nil {
		return ""
	}
	if hasProxy(file.Doc) {
		return "https-proxy in " + file.Path
	}
	return ""
}

// hasProxy reports whether daemon.json has a proxy for https.
func hasProxy(doc daemonjson.Document) bool {
	value, found := doc.Raw("proxies", "https-proxy")
	return found && value != `""`
}
