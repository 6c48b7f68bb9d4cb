// Package doctor finds what keeps gVisor, Docker or this program from working on a
// host. It checks each part on its own, so that a part that is broken or hangs hides no
// other. It also collects the facts that a maintainer needs, without secrets. It changes
// nothing.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/naming"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
)

// OwnUnit is the unit that runs this program's daemon.
const OwnUnit = host.ServiceUnit

// Diagnosis is what Run finds.
type Diagnosis struct {
	Items []checkup.Item
	// Differences are what works differently, for the containers that run in a sandbox of ours, than with runc. They
	// are no fault. Unseen says what was not looked at.
	Differences []difference.Item
	Unseen      []string
}

// Run checks everything that can keep gVisor, Docker or this program from working
// on the host. confErr is why the configuration could not be read, or nil. What Run
// cannot see is Unsure. Each answer may take host.AnswerWithin.
func Run(ctx context.Context, h *host.Host, c config.Config, confErr error, getenv func(string) string) Diagnosis {
	docker := lookAtDocker(ctx, h, c)
	validateFile(ctx, h, &docker)
	p := platformsOf(c, docker.observed)
	items := []checkup.Item{kernelItem(), archItem(), cgroupItem(cgroupRoot, runtimesWithCgroups(c, docker.observed), !errors.Is(confErr, fs.ErrPermission) && !errors.Is(docker.fileErr, fs.ErrPermission)), namespaceItem(h), seccompItem(h), ptraceItem(h, p), kvmItem(p), checkup.ConfigItem(h, confErr)}
	items = append(items, docker.items(c)...)
	items = append(items, runtimeItems(ctx, h, c, docker)...)
	items = append(items, askOwnUnit(ctx, h, c, docker.observed.Engine), subidItem(ctx, h, c, docker.observed), storeItem(ctx, h), stateItem(h))
	if item, found := linkItem(h); found {
		items = append(items, item)
	}
	o := h.ObserveTrust(docker.observed.File.Path)
	items = append(items, checkup.StateItems(o.Refusals, o.Defects, o.Untrusted)...)
	if item, some := checkup.UnreadItem(h.State().Unread()); some {
		items = append(items, item)
	}
	items = checkup.AddJournalItem(items, h.State().Journal().Open())
	if item, some := checkup.SetAsideItem(h.State().FailedRecoveries()); some {
		items = append(items, item)
	}
	items = append(items, diskItems(h)...)
	items = append(items, proxyItem(getenv, h.DockerProxy(ctx)), clockItem(ctx, h, time.Now()))
	if item, some := naming.Item(ctx, h, c, docker.observed); some {
		items = append(items, item)
	}
	d := Diagnosis{Items: items}
	d.Differences, d.Unseen = differences(ctx, h, c, docker)
	return d
}

func askOwnUnit(ctx context.Context, h *host.Host, c config.Config, docker *engine.Info) checkup.Item {
	u, err := h.AskUnit(ctx, OwnUnit)
	if err != nil {
		item := checkup.Item{Name: OwnUnit}
		item.SetSystemdError(err)
		return item
	}
	item := ownUnitItem(u)
	root := ""
	if docker != nil {
		root = dataroot.Of(*docker)
	}
	if cannot := host.ServiceCannotWrite(u, h.ServiceWrites(c, root)...); cannot != "" && item.Health == checkup.Healthy {
		item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+"; it cannot write to a configured place", cannot
	}
	return item
}

// ownUnitItem is pure. A service with Restart=always is rarely "failed": one that
// ends as soon as it starts is usually waiting for its next start.
func ownUnitItem(u host.Unit) checkup.Item {
	item := checkup.Item{Name: OwnUnit, Seen: u.ActiveState + " (" + u.SubState + ")"}
	ended := u.Result != "" && u.Result != "success"
	switch {
	case u.LoadState == "not-found":
		item.Seen = "not installed: nothing enforces the configuration"
	case u.LoadState == "masked":
		item.Health, item.Seen, item.Remedy = checkup.Warning, "masked: nothing enforces the configuration", "systemctl unmask "+OwnUnit
	case u.ActiveState == "failed", strings.HasPrefix(u.SubState, "auto-restart"), u.ActiveState == "activating" && ended:
		item.Health, item.Remedy = checkup.Critical, "journalctl -u "+OwnUnit+" shows why it ends"
		if ended {
			item.Seen += ": " + u.Result
		}
	case u.ActiveState == "inactive" && u.UnitFileState == "enabled":
		item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+" although enabled: nothing enforces the configuration", "systemctl start "+OwnUnit
	}
	return item
}

// subidItem is the item of the subordinate ids. o has what dockerd reports, and daemon.json.
func subidItem(ctx context.Context, h *host.Host, c config.Config, o host.Observed) checkup.Item {
	item := checkup.Item{Name: "subordinate ids"}
	ids, err := h.ObserveIDs(ctx, c)
	if err != nil {
		item.SetBroken(err, "repair that line of the file: see subuid(5) and subgid(5)")
		return item
	}
	item.Seen = fmt.Sprintf("%d ranges of uids, %d of gids", len(ids.UIDs.Ranges), len(ids.GIDs.Ranges))
	if c.Docker.Remap() != config.RemapOn || config.UsernsRemapIn(o.File.Doc) == "" {
		return item
	}
	// With userns-remap in daemon.json, dockerd does not start without them.
	o.IDs = ids
	if granted := checkup.IDsItem(plan.NewGoal(c, o)); granted.Health != checkup.Healthy {
		item.Health, item.Seen, item.Remedy = granted.Health, granted.Seen, granted.Remedy
	}
	return item
}

func storeItem(ctx context.Context, h *host.Host) checkup.Item {
	item := checkup.Item{Name: "store"}
	if err := h.Store().Safe(); err != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, err.Error(), "must be writable by root only: anyone who can write here controls what root runs"
		if foreign, ok := errors.AsType[*release.ForeignError](err); ok {
			item.Remedy = "move it away, or mount what it leads to: " + foreign.Path
		}
		return item
	}
	releases, err := h.Store().List(ctx)
	if err != nil {
		item.Health, item.Seen, item.Remedy = checkup.Unsure, err.Error(), checkup.AsRootRemedy
		return item
	}
	var names []string
	for _, r := range releases {
		if r.State.Intact() {
			names = append(names, r.Name)
			continue
		}
		if r.Manifest.Package != nil {
			names = append(names, r.Name+" (other files are in its place: "+r.State.Reason+")")
			continue
		}
		names = append(names, r.Name+" (damaged: "+r.State.Reason+")")
		item.Health, item.Remedy = checkup.Critical, checkup.ApplyRemedy
	}
	item.Seen = h.Paths.Store + ": " + cmp.Or(strings.Join(names, ", "), "no release")
	checkStorePlace(h, releases, &item)
	return item
}
