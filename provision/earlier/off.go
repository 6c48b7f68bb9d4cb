package earlier

import (
	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// DefaultRuntime is the default runtime that doc shall have, "" for none, if c switches it off: the one from before this
// program, unless that is a runtime of ours too. One that is none of ours stays.
func DefaultRuntime(c config.Config, o host.Observed, doc daemonjson.Document) string {
	now := config.DefaultRuntimeIn(doc)
	if _, ours := c.Docker.Runtimes[now]; !ours {
		return now
	}
	raw, present, _ := recordOf(o).value(config.ItemDefaultRuntime)
	before := daemonjson.StringOf(raw)
	if _, ours := c.Docker.Runtimes[before]; ours || !present || !activation.Defines(doc, o.Flags, before) {
		return ""
	}
	return before
}
