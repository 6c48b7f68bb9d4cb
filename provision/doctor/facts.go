package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/redact"
)

// Facts returns what a maintainer needs to know about a host, as texts by file
// name. Each text exists, even if it only says why the facts could not be read. It
// has the values of settings only if they are known to be harmless. Text of other
// programs, such as the journal, is unchanged: give it to redact.Text.
func Facts(ctx context.Context, h *host.Host, c config.Config) map[string]string {
	look := lookAtDocker(ctx, h, c)
	return map[string]string{
		"docker.service.txt": look.unitText(),
		"dockerd.txt":        look.dockerdText(c),
		"daemon.json.txt":    look.fileText(),
		"releases.txt":       releasesText(ctx, h),
		"journal.txt":        journalText(ctx, h),
	}
}

func notRead(err error) string { return "not read: " + err.Error() + "\n" }

func (l dockerLook) unitText() string {
	if l.unitErr != nil {
		return notRead(l.unitErr)
	}
	u := l.observed.Unit
	return fmt.Sprintf("load %s\nactive %s (%s)\nresult %s\nfragment %s\ndrop-ins %q\nneeds daemon-reload %t\narguments %s\nvariables %s\n",
		u.LoadState, u.ActiveState, u.SubState, u.Result, u.FragmentPath, u.DropIns, u.NeedDaemonReload, redact.Arguments(u.ExecStart), redact.Environment(u.Environment))
}

// dockerdText is the command line of dockerd and its answer to /info.
func (l dockerLook) dockerdText(c config.Config) string {
	text := "flags " + redact.Arguments(l.observed.Command) + "\n"
	if l.flagsErr != nil {
		text += "flags " + notRead(l.flagsErr)
	}
	if l.engineErr != nil {
		return text + "engine " + notRead(l.engineErr)
	}
	e := l.observed.Engine
	text += fmt.Sprintf("version %s\ndefault runtime %s\nuserns-remap %t\nlive-restore %t\nroot %s\nstorage %s\ncgroups %s\nsnapshotter %t\nswarm %t\nrunning %d\n",
		e.Version, e.DefaultRuntime, e.UsernsRemap, e.LiveRestore, e.RootDir, e.StorageDriver, e.CgroupDriver, e.Snapshotter, e.Swarm, e.Running)
	for _, name := range c.RuntimeNames() {
		text += fmt.Sprintf("runtime %s %s %q\n", name, e.Runtimes[name].Path, redact.RuntimeArguments(e.Runtimes[name].Args))
	}
	return text
}

// fileText is daemon.json, masked. If it does not parse, fileText is its outline,
// because the error in it is often the cause.
func (l dockerLook) fileText() string {
	file := l.observed.File
	switch {
	case l.fileErr == nil && !file.Exists:
		return file.Path + " is missing\n"
	case l.fileErr == nil:
		return fmt.Sprintf("%s, mode %o of %d:%d, masked, so no longer JSON\n\n%s", file.Path, file.Mode, file.UID, file.GID, file.Doc.Redacted())
	}
	text := "not parsed: " + l.fileErr.Error() + "\n"
	if bytes, err := durable.ReadLimited(file.Path, daemonjson.MaxBytes); err == nil {
		text += "\noutline:\n\n" + daemonjson.Outline(bytes)
	}
	return text
}

func releasesText(ctx context.Context, h *host.Host) string {
	var list strings.Builder
	for _, store := range h.Stores() {
		releases, err := store.List(ctx)
		for _, r := range releases {
			fmt.Fprintf(&list, "%s\n  in %s\n  state %q\n  url %s\n  installed %s\n", r.Name, store.Dir, r.State.Reason, r.Manifest.URL, r.Manifest.InstalledAt)
			for _, f := range r.Manifest.Files {
				fmt.Fprintf(&list, "  %s %s %d %s\n", f.SHA256, f.Mode, f.Size, f.Path)
			}
		}
		if err != nil {
			list.WriteString(notRead(err))
		}
	}
	return cmp.Or(list.String(), "none\n")
}

// journalText is what this program's daemon logged in the last 7 days.
func journalText(ctx context.Context, h *host.Host) string {
	const back = 7 * 24 * time.Hour
	var said []string
	err := h.Ask(ctx, func(ctx context.Context) (err error) {
		said, err = h.Units.Said(ctx, OwnUnit, time.Now().Add(-back))
		return err
	})
	if err != nil {
		return notRead(err)
	}
	return strings.Join(said, "\n") + "\n"
}
