package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/status"
)

// maxStatus is larger than any status, in bytes.
const maxStatus = 16 << 20

func newStatus(a *app) *cobra.Command {
	format := formatFlag{value: "text", allowed: []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the configuration, the host, the last drift, and what is held or contested",
		Long: `status shows what the daemon knows. If no daemon runs, it looks at the host once
itself. It changes nothing. Only root sees everything: any other user sees the
daemon's summary, if a daemon runs.

Exit codes:
  0   the host matches the configuration
  1   it does not, or a change is unfinished; it could not be changed, or no
      daemon runs to change it
  4   something is held or contested, a release is being downloaded, a lost
      configuration is kept, or a record cannot be used
  69  it waits for Docker, or another run is changing the host
  77  only root can see more, and nothing bad was seen`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, fromDaemon, err := a.status(cmd.Context())
			var denied deniedError
			switch {
			case errors.As(err, &denied) && format.value != "json":
				return a.statusWithoutRoot(cmd.Context(), denied)
			case err != nil:
				return a.besideJournal(err)
			}
			if format.value == "json" {
				err = printJSON(a.stdout, s)
			} else {
				err = a.printStatus(s, fromDaemon, time.Now())
			}
			if code := statusCode(s); err == nil && code != exitDone {
				return exitError(code)
			}
			return err
		},
	}
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	return cmd
}

// status is the daemon's status. If no daemon runs, it is the result of one look.
func (a *app) status(ctx context.Context) (s status.Status, fromDaemon bool, err error) {
	s, err = readStatus(statusPath(a))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return s, false, deniedError{err}
	case err == nil && daemon.Runs(s):
		records := a.hostForRecords()
		s.AddJournal(records.State().Journal().Open())
		o := records.ObserveTrust(a.paths.DaemonJSON)
		s.AddRecords(checkup.StateItems(o.Refusals, o.Defects, o.Untrusted))
		if why := whyStale(s, statusPath(a)); why != "" {
			s.Error = why
			s.Sum("")
		}
		return s, true, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return s, false, err
	}
	host, done, err := a.host(ctx)
	if err != nil {
		return s, false, err
	}
	defer done()
	s, err = daemon.LookOnce(ctx, &host.Host, time.Now())
	return s, false, deniedIf(err)
}

// whyStale says why the daemon of s cannot publish a newer status at path, and the way on; "" if it can.
func whyStale(s status.Status, path string) string {
	if daemon.Suspended(s) {
		return suspended(s)
	}
	err := durable.CannotReplace(path)
	if err == nil {
		return ""
	}
	why := fmt.Sprintf("the daemon cannot write its status, and this is the last one: %v", err)
	if _, hint := remedy(err); hint != "" {
		why += "; " + hint
	}
	return why
}

// suspended says that the daemon of s is suspended, and the way on.
func suspended(s status.Status) string {
	return fmt.Sprintf("the daemon is suspended and repairs nothing: to let it go on, sudo kill -CONT %d", s.PID)
}

// statusRemedy is the advice for a status that cannot be used.
const statusRemedy = "remove it, and restart the daemon if it runs: sudo systemctl restart runsc-provisioner"

func readStatus(path string) (s status.Status, err error) {
	text, err := durable.ReadOwn(path, maxStatus)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return s, err
	case err != nil:
		return s, blocked.Refuse(path, "the status cannot be used (%w): %s", err, statusRemedy)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, blocked.Refuse(path, "the status is damaged (%w): %s", err, statusRemedy)
	}
	if s.SchemaVersion != status.SchemaVersion {
		return s, blocked.Refuse(path, "another version of this program wrote the status (schema %d, want %d): %s", s.SchemaVersion, status.SchemaVersion, statusRemedy)
	}
	return s, nil
}

func statusCode(s status.Status) int {
	switch s.State {
	case status.StateFailing, status.StateDrifted:
		return exitFailed
	case status.StateHeld, status.StateContested, status.StateFetching:
		return exitHeld
	case status.StateWaiting, status.StateStarting:
		return exitOutOfReach
	}
	if s.ConfigKept != "" || s.AcceptedUnread != "" || slices.ContainsFunc(s.Host, func(i checkup.Item) bool { return i.Name == checkup.StateItemName }) {
		return exitHeld
	}
	return exitDone
}

func (to *console) printStatus(s status.Status, fromDaemon bool, now time.Time) error {
	colors := map[status.State]string{status.StateEnforced: green, status.StateFailing: red, status.StateDrifted: red}
	color, known := colors[s.State]
	if !known {
		color = yellow
	}
	to.printf("%s\n\n", to.style(color, printable(s.Line)))
	table := to.newTable()
	row := func(name, format string, args ...any) {
		table.row(printable(name), printable(fmt.Sprintf(format, args...)))
	}
	if fromDaemon {
		row("daemon", "process %d, since %s", s.PID, s.Started.Format(time.DateTime))
	} else {
		row("daemon", "not running: this is one look, taken now (to start it: sudo systemctl enable --now runsc-provisioner)")
	}
	row("wanted", "%s", settingsText(s.Wanted))
	if s.ConfigKept != "" {
		row("configuration", "the last good one is kept: %s", s.ConfigKept)
	}
	if s.Unwatched != "" {
		row("watching", "files cannot be watched, so only the timer notices drift: %s", s.Unwatched)
	}
	if s.AcceptedUnread != "" {
		row("accepted", "the record of what was last accepted is damaged: %s", s.AcceptedUnread)
	}
	row("docker", "%s", s.Docker)
	for _, item := range s.Host {
		row(item.Name, "%s: %s", item.Health, item.Seen)
	}
	if s.Containers.Known {
		row("containers", "%d in a sandbox, %d outside, %d unknown", s.Containers.Sandboxed, s.Containers.Outside, s.Containers.Unknown)
	}
	for _, o := range s.Containers.Strays {
		row("  outside", "%s (%.12s, runtime %s): %s", o.Name, o.ID, o.Runtime, o.Why)
	}
	for _, n := range s.Containers.NotStarted {
		row("  not started", "%s (%.12s): %s: %s", n.Name, n.ID, checkup.WhyNotStarted(n), checkup.StartRemedy(n))
	}
	printNames(s.Names, row)
	if d := s.LastDrift; d != nil {
		after := "not repaired"
		if !d.Repaired.IsZero() {
			after = "repaired at " + d.Repaired.Format(time.DateTime)
		}
		row("last drift", "%s was %q, %s; %s", d.Item, d.Got, humanize.RelTime(d.At, now, "ago", "from now"), after)
	}
	for _, h := range s.Held {
		row("held", "%s: %s", h.What, h.Why)
	}
	for _, c := range s.Contested {
		row("contested", "%s: want %q, left as %q since %s", c.Item, c.Want, c.Got, c.Since.Format(time.DateTime))
		const shown = 5
		for _, r := range c.Reverts[max(0, len(c.Reverts)-shown):] {
			row("  changed back", "%s  %q", r.At.Format(time.DateTime), r.Got)
		}
	}
	if f := s.Fetching; f != nil {
		row("fetching", "gVisor %s, since %s; until then the installed release is enforced", f.Release, f.Since.Format(time.DateTime))
	}
	if u := s.Upgrade; u != nil {
		row("upgrade", "%s", upgradeText(*u, now))
	}
	if s.Error != "" {
		row("error", "%s", s.Error)
	}
	next := ""
	if !s.NextLook.IsZero() {
		next = "; next look by " + s.NextLook.Format(time.TimeOnly)
	}
	row("last look", "%s%s", humanize.RelTime(s.LastLook, now, "ago", "from now"), next)
	return table.flush()
}

// printNames adds the rows of the names of containers.
func printNames(n *status.Names, row func(name, format string, args ...any)) {
	if n == nil {
		return
	}
	if n.Error != "" {
		row("names", "not kept: %s", n.Error)
	} else {
		row("names", "%d of %s on networks that users made find all others", n.Kept, plural(n.Of, "container"))
	}
	for _, left := range n.Left {
		row("  not complete", "%s of %s (%.12s): %s", left.File, left.Name, left.ID, left.Why)
	}
}

// upgradeText says how the daemon looks for a newer release.
func upgradeText(u status.Upgrade, now time.Time) string {
	text := "by itself"
	if u.Next.After(now) {
		text += "; asks again " + humanize.RelTime(u.Next, now, "ago", "from now")
	}
	if u.Result != "" {
		text += "; " + u.Result
	}
	return text
}

func settingsText(w status.Wanted) string {
	words := append([]string{"release " + w.Release, "runtimes " + strings.Join(w.Runtimes, ", ")}, w.OptionsInWords()...)
	return strings.Join(append(words, "max disruption "+w.MaxDisruption), ", ")
}
