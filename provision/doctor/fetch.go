package doctor

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/room"
)

// neededBytes is the most space that a release and its archive take during an
// installation.
const neededBytes = 1 << 30

func diskItems(h *host.Host) []checkup.Item {
	var items []checkup.Item
	for _, path := range []string{h.Paths.Store, h.Paths.State} {
		item := checkup.Item{Name: "room in " + path}
		at, seen, err := room.LookAbove(path)
		item.Seen = humanize.IBytes(uint64(max(seen.Bytes, 0))) + " free"
		switch {
		case err != nil:
			item.Health, item.Seen, item.Remedy = checkup.Unsure, err.Error(), checkup.AsRootRemedy
		case seen.ReadOnly:
			item.Health, item.Seen, item.Remedy = checkup.Warning, "read-only file system", "nothing can be installed, repaired or changed: mount it writable, "+at
		case seen.NoInodes:
			item.Health, item.Seen, item.Remedy = checkup.Critical, "no inodes left for another file", "delete files that you do not need on the file system of "+at
		case seen.Bytes < neededBytes:
			item.Health, item.Remedy = checkup.Warning, "free some space: a release with its archive takes up to "+humanize.IBytes(neededBytes)
		}
		if seen.NoExec {
			item.Health = checkup.Critical
			item.Seen += "; " + at + " is mounted noexec, and programs start from there"
			item.Remedy = "mount it without noexec (mount -o remount,exec, and /etc/fstab)"
		}
		items = append(items, item)
	}
	return items
}

// proxyItem names the proxies of this process, without their passwords, or says that only dockerd has one: where, or "".
func proxyItem(getenv func(string) string, docker string) checkup.Item {
	item := checkup.Item{Name: "proxy", Seen: "none"}
	var seen []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		if strings.EqualFold(name, "HTTPS_PROXY") {
			var ok bool
			if value, ok = shownProxy(value); !ok {
				item.Health, item.Remedy = checkup.Critical, "set it to a URL such as http://proxy.example.com:3128"
				seen = append(seen, name+" is not the URL of a proxy")
				continue
			}
		}
		if entry := name + "=" + redact.Text(value); !slices.Contains(seen, entry) {
			seen = append(seen, entry)
		}
	}
	switch {
	case len(seen) > 0:
		item.Seen = strings.Join(seen, ", ")
	case docker != "":
		item.Seen = "none, but dockerd has one (" + docker + "): if downloads fail, sudo HTTPS_PROXY=URL runsc-provisioner apply"
	}
	return item
}

// shownProxy is the URL of a proxy without user and path, if net/http accepts it:
// http:// is optional (golang.org/x/net/http/httpproxy), and net/http.Transport has
// four schemes.
func shownProxy(value string) (shown string, ok bool) {
	u, err := url.Parse(value)
	if (err != nil || u.Scheme == "" || u.Host == "") && !strings.Contains(value, "://") {
		u, err = url.Parse("http://" + value)
	}
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return u.Scheme + "://" + u.Host, true
	}
	return "", false
}

// clockItem compares the clock with the dates of the installed releases, which
// cannot be later than now: certificates and release ages depend on it. Whether the
// kernel calls it synchronised is only shown: not every hypervisor or time daemon
// informs the kernel.
func clockItem(ctx context.Context, h *host.Host, now time.Time) checkup.Item {
	item := checkup.Item{Name: "clock", Seen: now.UTC().Format(time.RFC3339)}
	if releases, err := h.Store().List(ctx); err == nil {
		for _, r := range releases {
			if label, err := release.ParseLabel(r.Name); err == nil && now.Before(label.Date()) {
				item.Health, item.Seen = checkup.Critical, item.Seen+", before the date of the installed release "+r.Name
				item.Remedy = "set the clock, and let systemd-timesyncd or chrony keep it right"
				return item
			}
		}
	}
	var state unix.Timex
	status, err := unix.Adjtimex(&state)
	item.Seen += ", " + syncText(status, state, err)
	return item
}

// syncText is the result of adjtimex(2), in words.
func syncText(status int, state unix.Timex, err error) string {
	const unsynchronised = 5 // TIME_ERROR
	switch {
	case err != nil:
		return "unknown whether it is synchronised: " + err.Error()
	case status == unsynchronised:
		return "not synchronised (NTP)"
	}
	return "off by at most " + (time.Duration(state.Maxerror) * time.Microsecond).String()
}
