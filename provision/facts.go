package provision

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Facts are what a maintainer needs of a host, beside what else is asked: text
// by name. Nothing secret is in them.
func (h *Host) Facts(ctx context.Context, c Config) map[string]string {
	facts := map[string]string{}
	note := func(name, text string, err error) {
		if err != nil {
			text += "not read: " + err.Error() + "\n"
		}
		facts[name] = Redact(text)
	}
	u, err := h.unit(ctx)
	note("docker.service.txt", fmt.Sprintf("load %s\nactive %s (%s)\nresult %s\nfragment %s\ndrop-ins %q\nneeds daemon-reload %t\narguments %s\nvariables %s\n",
		u.LoadState, u.ActiveState, u.SubState, u.Result, u.FragmentPath, u.DropIns, u.NeedDaemonReload, argumentsShown(u.ExecStart), variablesShown(u.Environment)), err)
	if err == nil {
		o, err := h.observe(ctx, c, u, nil)
		if err == nil {
			note("daemon.json.txt", "masked, and so not JSON any more\n\n"+o.File.Doc.Redacted(), nil)
			text := fmt.Sprintf("flags %s\n", argumentsShown(o.Command))
			if o.Engine != nil {
				text += fmt.Sprintf("version %s\ndefault runtime %s\nuserns-remap %t\nlive-restore %t\nroot %s\nstorage %s\ncgroups %s\nsnapshotter %t\nswarm %t\nrunning %d\n",
					o.Engine.Version, o.Engine.DefaultRuntime, o.Engine.UsernsRemap, o.Engine.LiveRestore, o.Engine.RootDir, o.Engine.StorageDriver,
					o.Engine.CgroupDriver, o.Engine.Snapshotter, o.Engine.Swarm, o.Engine.Running)
				for _, name := range c.RuntimeNames() {
					text += fmt.Sprintf("runtime %s %s %q\n", name, o.Engine.Runtimes[name].Path, o.Engine.Runtimes[name].Args)
				}
			}
			note("dockerd.txt", text, nil)
		} else {
			note("dockerd.txt", "", err)
		}
	}
	var list strings.Builder
	releases, err := h.store().List()
	for _, r := range releases {
		fmt.Fprintf(&list, "%s\n  state %q\n  url %s\n  installed %s\n", r.Name, r.State.Reason, r.Manifest.URL, r.Manifest.InstalledAt)
		for _, f := range r.Manifest.Files {
			fmt.Fprintf(&list, "  %s %s %d %s\n", f.SHA256, f.Mode, f.Size, f.Path)
		}
	}
	note("releases.txt", list.String(), err)
	const back = 7 * 24 * time.Hour
	said, err := h.Units.Said(ctx, OwnUnit, time.Now().Add(-back))
	note("journal.txt", strings.Join(said, "\n")+"\n", err)
	return facts
}
