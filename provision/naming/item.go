// Package naming is between a host and package names: what the configuration asks of the names of containers in
// sandboxes, and how they stand, for verify and doctor: which container does not find which others, and what would help.
// It only reads.
package naming

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/names"
	"runsc-provisioner/verify"
)

// Name is the name of the item.
const Name = "names"

const (
	// maxNamed is how many containers are named.
	maxNamed = 10
	// looks is how often to look, and between how long to wait: the service needs a moment after each change.
	looks   = 3
	between = 300 * time.Millisecond
)

// Item is the item of the names. It returns false if there is nothing to say: names are not kept, and nothing lacks one.
func Item(ctx context.Context, h *host.Host, c config.Config, o host.Observed) (checkup.Item, bool) {
	item := checkup.Item{Name: Name}
	if o.Engine == nil {
		return item, false
	}
	kept := c.Docker.Names == config.NamesMaintain
	seen, err := look(ctx, Goal(h, c, o), kept)
	switch {
	case err != nil && !kept:
		return item, false
	case errors.Is(err, fs.ErrPermission):
		item.Health, item.Seen, item.Remedy = checkup.Unsure, err.Error(), checkup.AsRootRemedy
	case err != nil:
		item.Health, item.Seen, item.Remedy = checkup.Unsure, err.Error(), "sudo runsc-provisioner status says what the service has seen"
	case c.Docker.Names == config.NamesOff && seen.Marked > 0:
		item.Health, item.Remedy = checkup.Warning, checkup.ApplyRemedy
		item.Seen = fmt.Sprintf("%d containers still have names of ours in their hosts files", seen.Marked)
	case len(seen.Lacking) == 0 && !kept:
		return item, false
	case len(seen.Lacking) == 0:
		item.Seen = fmt.Sprintf("%d containers find the others on their networks by name", seen.Complete)
	case kept:
		item.Health, item.Seen, item.Remedy = checkup.Warning, describe(seen.Lacking), remedy(ctx, h)
	default:
		item.Seen = describe(seen.Lacking) + "; [docker] names = \"maintain\" and the service would keep the names, and so would a runtime with --network=host, which takes gVisor's network stack away (docs/compose.md)"
	}
	return item, true
}

func look(ctx context.Context, g names.Goal, again bool) (seen names.Seen, err error) {
	for range looks {
		seen, err = names.Look(ctx, g)
		if err != nil || len(seen.Lacking) == 0 || !again {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return seen, nil
		case <-time.After(between):
		}
	}
	return seen, err
}

// remedy depends on whether the service runs.
func remedy(ctx context.Context, h *host.Host) string {
	if unit, err := h.AskUnit(ctx, host.ServiceUnit); err == nil && unit.LoadState == "loaded" && !unit.Running() {
		return "the service keeps them, and does not run: sudo systemctl enable --now " + host.ServiceUnit
	}
	return "sudo runsc-provisioner status says what keeps the service from it"
}

func describe(lacking []names.Lacking) string {
	var parts []string
	for _, l := range lacking[:min(len(lacking), maxNamed)] {
		name := verify.Printable(l.Name)
		if l.Odd != nil {
			parts = append(parts, name+": "+verify.Printable(l.Odd.Error()))
		}
		if len(l.Missing) > 0 {
			parts = append(parts, name+" does not find "+verify.PrintableList(l.Missing, maxNamed))
		}
		if len(l.Stale) > 0 {
			parts = append(parts, name+" finds what is gone: "+verify.PrintableList(l.Stale, maxNamed))
		}
	}
	if more := len(lacking) - maxNamed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}
