package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/release"
)

// OwnUnit is the unit that runs this program's daemon.
const OwnUnit = "runsc-provisioner.service"

// Doctor looks for whatever keeps gVisor, Docker or this program from working
// on the host, each thing by itself, and changes nothing. confErr is why the
// configuration could not be read, or nil. What it cannot see is Unsure.
func (h *Host) Doctor(ctx context.Context, c Config, confErr error, getenv func(string) string) []Item {
	config := Item{Name: "configuration", Seen: h.Paths.Config + " is understood"}
	if confErr != nil {
		config.Health, config.Seen, config.Remedy = Critical, confErr.Error(), "mend it: runsc-provisioner config check"
	}
	items := []Item{h.kernelItem(), archItem(), h.cgroupItem(), h.namespaceItem(), h.seccompItem(), h.ptraceItem(), kvmItem(), config}
	items = append(items, h.dockerItems(ctx, c)...)
	items = append(items, h.ownUnitItem(ctx), h.subidItem(ctx, c), h.storeItem())
	items = append(items, h.diskItems()...)
	return append(items, proxyItem(getenv), h.clockItem(time.Now()))
}

// dockerItems are Docker's unit, its settings and its API.
func (h *Host) dockerItems(ctx context.Context, c Config) []Item {
	unit := Item{Name: "docker.service"}
	u, err := h.unit(ctx)
	if err == nil {
		err = h.loaded(ctx, u)
	}
	if err != nil {
		unit.Health, unit.Seen, unit.Remedy = Critical, err.Error(), "install Docker from your distribution or docker.com, or run this on the host itself"
		var reach *OutOfReach
		if errors.As(err, &reach) && reach.Object == "systemd" {
			unit.Health, unit.Remedy = Unsure, "run this as root, on a host with systemd"
		}
		return []Item{unit}
	}
	unit.Seen = u.ActiveState + " (" + u.SubState + ")"
	switch {
	case !u.Running():
		unit.Health, unit.Remedy = Warning, "systemctl start docker.service; systemctl status docker.service says why it does not run"
	case u.NeedDaemonReload:
		unit.Health, unit.Seen, unit.Remedy = Warning, unit.Seen+", its file has changed since", "systemctl daemon-reload"
	}
	api := Item{Name: "docker API", Seen: "not asked: Docker does not run", Health: Unsure, Remedy: unit.Remedy}
	file := Item{Name: "daemon.json", Seen: "is as dockerd reads it"}
	o, err := h.observe(ctx, c, u, nil)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		file.Health, file.Seen, file.Remedy = Critical, err.Error(), "mend it; dockerd would read it in another way, or not at all"
		api.Seen = "not asked: something else is refused first"
	case err != nil:
		api.Health, api.Seen, api.Remedy = Critical, err.Error(), "systemctl status docker.service"
	case o.Engine != nil:
		api = Item{Name: "docker API", Seen: fmt.Sprintf("%s, default runtime %s, data in %s (%s), %d containers run, live-restore %t",
			o.Engine.Version, o.Engine.DefaultRuntime, o.Engine.RootDir, o.Engine.StorageDriver, o.Engine.Running, o.Engine.LiveRestore)}
	}
	if conflict := conflictOf(c, o); err == nil && conflict != nil {
		file.Health, file.Seen, file.Remedy = Critical, conflict.Error(), "remove the flag: dockerd does not start with an option in both places"
	}
	return []Item{unit, file, api}
}

func (h *Host) ownUnitItem(ctx context.Context) Item {
	item := Item{Name: OwnUnit}
	u, err := h.Units.Unit(ctx, OwnUnit)
	switch {
	case err != nil:
		item.Health, item.Seen, item.Remedy = Unsure, err.Error(), "run this as root, on a host with systemd"
	case u.LoadState == "not-found":
		item.Seen = "not installed: nothing keeps the host as it is wanted"
	case u.ActiveState == "failed":
		item.Health, item.Seen, item.Remedy = Critical, "failed: "+u.Result, "journalctl -u "+OwnUnit+" says why"
	default:
		item.Seen = u.ActiveState
	}
	return item
}

func (h *Host) subidItem(ctx context.Context, c Config) Item {
	item := Item{Name: "subordinate ids", Remedy: "mend that line of the file, as subuid(5) and subgid(5) have it"}
	ids, err := h.observeIDs(ctx, c)
	if err != nil {
		item.Health, item.Seen = Critical, err.Error()
		if errors.Is(err, fs.ErrPermission) {
			item.Health, item.Remedy = Unsure, "run this as root"
		}
		return item
	}
	item.Seen, item.Remedy = fmt.Sprintf("%d ranges of uids, %d of gids", len(ids.UIDs.Ranges), len(ids.GIDs.Ranges)), ""
	return item
}

func (h *Host) storeItem() Item {
	item := Item{Name: "store"}
	if err := h.store().Safe(); err != nil {
		item.Health, item.Seen, item.Remedy = Critical, err.Error(), "only root may be able to write there: whoever else can, decides what root runs"
		return item
	}
	releases, err := h.store().List()
	if err != nil {
		item.Health, item.Seen, item.Remedy = Unsure, err.Error(), "run this as root"
		return item
	}
	var names []string
	for _, r := range releases {
		if r.State.Intact() {
			names = append(names, r.Name)
			continue
		}
		names = append(names, r.Name+" (damaged: "+r.State.Reason+")")
		item.Health, item.Remedy = Critical, applyRemedy
	}
	item.Seen = h.Paths.Store + ": " + cmp.Or(strings.Join(names, ", "), "no release")
	return item
}

// needed is the room that a release with its archive takes while it is
// installed, in bytes.
const needed = 1 << 30

func (h *Host) diskItems() []Item {
	var items []Item
	for _, path := range []string{h.Paths.Store, h.Paths.State} {
		item := Item{Name: "room in " + path}
		at := path
		bytes, err := release.Free(at)
		for errors.Is(err, fs.ErrNotExist) && at != "/" {
			at = filepath.Dir(at)
			bytes, err = release.Free(at)
		}
		switch {
		case err != nil:
			item.Health, item.Seen, item.Remedy = Unsure, err.Error(), "run this as root"
		case bytes < needed:
			item.Health, item.Seen, item.Remedy = Warning, humanize.IBytes(uint64(max(bytes, 0)))+" free", "make room: a release with its archive takes up to "+humanize.IBytes(needed)
		default:
			item.Seen = humanize.IBytes(uint64(bytes)) + " free"
		}
		items = append(items, item)
	}
	return items
}

// proxyItem names the proxies of this process, without what they ask for.
func proxyItem(getenv func(string) string) Item {
	item := Item{Name: "proxy", Seen: "none"}
	var seen []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		if strings.EqualFold(name, "HTTPS_PROXY") {
			u, err := url.Parse(value)
			if err != nil || u.Host == "" {
				item.Health, item.Remedy = Critical, "set it to a URL such as http://proxy.example.com:3128"
				seen = append(seen, name+" is no URL")
				continue
			}
			value = u.Redacted()
		}
		if entry := name + "=" + value; !slices.Contains(seen, entry) {
			seen = append(seen, entry)
		}
	}
	if len(seen) > 0 {
		item.Seen = strings.Join(seen, ", ")
	}
	return item
}

// clockItem compares the clock with what cannot be later than now: certificates
// and release ages go by it.
func (h *Host) clockItem(now time.Time) Item {
	item := Item{Name: "clock", Remedy: "set it, and let systemd-timesyncd or chrony keep it"}
	item.Seen = now.UTC().Format(time.RFC3339)
	releases, err := h.store().List()
	if err == nil {
		for _, r := range releases {
			if label, err := release.ParseLabel(r.Name); err == nil && now.Before(label.Date()) {
				item.Health, item.Seen = Critical, item.Seen+", before the date of the installed release "+r.Name
				return item
			}
		}
	}
	var state unix.Timex
	status, err := unix.Adjtimex(&state)
	const unsynchronised = 5 // TIME_ERROR
	switch {
	case err != nil:
		item.Seen += ", whether it is kept right is not known: " + err.Error()
	case status == unsynchronised:
		item.Health, item.Seen = Warning, item.Seen+", and nothing keeps it right"
		return item
	default:
		item.Seen += ", off by at most " + (time.Duration(state.Maxerror) * time.Microsecond).String()
	}
	item.Remedy = ""
	return item
}
