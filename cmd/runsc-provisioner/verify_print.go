package main

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/metrics"
	"runsc-provisioner/verify"
)

func (to *console) printVerification(format string, v audit.Verification) error {
	switch format {
	case "json":
		return printJSON(to.stdout, documentOf(v))
	case "plugin":
		to.printRaw(pluginLine(v) + "\n")
		return nil
	case "prometheus":
		return metrics.WriteVerification(to.stdout, v)
	default:
		return to.printTable(v)
	}
}

func (to *console) printTable(v audit.Verification) error {
	table := to.newTable()
	table.row("HOST", "STATUS", "SEEN")
	for _, item := range v.Items {
		table.row(item.Name, item.Health.String(), printable(item.Seen))
	}
	for _, look := range v.Deep {
		seen, health := "every file was read and is as installed", checkup.Healthy
		switch {
		case !look.State.Intact():
			seen, health = look.State.Reason, checkup.Critical
		case look.Archive != "":
			seen, health = look.Archive, checkup.Critical
		case look.Unarchived:
			seen += "; its archive is not kept"
		default:
			seen += " and as in the archive"
		}
		table.row("content "+look.Name, health.String(), printable(seen))
	}
	if err := table.flush(); err != nil {
		return err
	}
	to.printf("\n")
	if err := to.printBuilds(table, v.Builds); err != nil {
		return err
	}
	if err := to.printContainers(table, v); err != nil {
		return err
	}
	to.printStrays(v.Report)
	for _, note := range v.Notes {
		to.printf("note: %s\n", printable(note))
	}
	to.printf("\n")
	to.printFindings(v)
	return nil
}

func (to *console) printBuilds(table *table, all []audit.Build) error {
	if len(all) == 0 {
		return nil
	}
	table.row("BUILDS", "STEPS", "SEEN")
	for _, b := range all {
		table.row(b.Builder, string(b.State), printable(b.Seen))
	}
	if err := table.flush(); err != nil {
		return err
	}
	to.printf("\n")
	return nil
}

func (to *console) printContainers(table *table, v audit.Verification) error {
	if v.Report.Unasked {
		to.printf("dockerd was not asked: the running containers are unknown\n")
		return nil
	}
	if len(v.Report.Verdicts) == 0 {
		to.printf("no container is running: no evidence for or against a sandbox\n")
		return nil
	}
	row := func(ids string, cells ...string) {
		if last := len(cells) - 1; v.Remapped {
			cells = slices.Insert(cells, last, ids)
		}
		table.row(cells...)
	}
	row("IDS", "CONTAINER", "ID", "RUNTIME", "SANDBOX", "RELEASE", "WHY")
	for _, verdict := range v.Report.Verdicts {
		c := verdict.Container
		row(verdict.Remap.String(), verify.Printable(c.Name), fmt.Sprintf("%.12s", c.ID), verify.Printable(c.Runtime),
			verdict.State.String(), orDash(verdict.Release), orDash(verdict.Why()))
	}
	if err := table.flush(); err != nil {
		return err
	}
	to.printWeaknesses(v)
	return nil
}

// printStrays lists sandboxes without a container, processes that only claim to be
// a sandbox, and containers of other engines.
func (to *console) printStrays(report verify.Report) {
	const most = 10
	for i, box := range report.Unowned {
		if i == most {
			to.printf("… and %d more\n", len(report.Unowned)-most)
			break
		}
		to.printf("sandbox: process %d is a sandbox of release %s for container %.12s; dockerd did not say whether it runs that container\n",
			box.PID, box.File.Release, printable(box.ContainerID))
	}
	for i, orphan := range report.Orphans {
		if i == most {
			to.printf("… and %d more\n", report.OrphanCount-most)
			break
		}
		to.printf("orphan: process %d is a sandbox of release %s for container %.12s, which is not running\n",
			orphan.PID, orphan.File.Release, printable(orphan.ContainerID))
	}
	for i, claim := range report.Claims {
		if i == most {
			to.printf("… and %d more\n", len(report.Claims)-most)
			break
		}
		to.printf("claim: process %d calls itself a sandbox, but runs from no known release\n", claim.PID)
	}
	for i, other := range report.Others {
		if i == most {
			to.printf("… and %d more\n", len(report.Others)-most)
			break
		}
		to.printf("other: container %.12s of %s (%s) does not belong to this dockerd\n", other.ID, verify.Printable(orUnknown(other.Engine)), plural(other.Processes, "process"))
	}
	if report.Denied > 0 {
		to.printf("unknown: %s could not be read: run it as root\n", plural(report.Denied, "process"))
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown engine"
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// pluginLine is the one line of a monitoring plugin, with performance data
// (Monitoring Plugins Development Guidelines, "Plugin Output").
func pluginLine(v audit.Verification) string {
	sandboxed, outside, unknown := v.Report.Count()
	text := fmt.Sprintf("%d of %s in a sandbox", sandboxed, plural(sandboxed+outside+unknown, "container"))
	if v.Report.Unasked {
		text = "the running containers are unknown"
	}
	const most = 3
	for i, f := range v.Findings {
		if i == most {
			text += fmt.Sprintf("; and %d more", len(v.Findings)-most)
			break
		}
		text += fmt.Sprintf("; %s: %s (%s)", f.Object, f.Seen, f.Remedy)
	}
	perf := fmt.Sprintf("sandboxed=%d;;;0 unsandboxed=%d;;;0 unknown=%d;;;0 orphans=%d;;;0", sandboxed, outside, unknown, v.Report.OrphanCount)
	if v.Report.Unasked {
		perf = "sandboxed=U;;;0 unsandboxed=U;;;0 unknown=U;;;0 orphans=U;;;0"
	}
	return fmt.Sprintf("RUNSC %s - %s | %s claims=%d;;;0", strings.ToUpper(v.Health().String()), perfText(text), perf, v.Report.ClaimCount)
}

// perfText replaces the bar, which starts performance data, and shortens text so
// that these also fit into the 1024 bytes that NRPE passes on.
func perfText(text string) string {
	const most = 700
	text = strings.ReplaceAll(printable(text), "|", "/")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}
