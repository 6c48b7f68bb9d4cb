package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"runsc-provisioner/provision"
	"runsc-provisioner/verify"
)

func (a *app) printVerification(format string, v verification) error {
	switch format {
	case "json":
		return printJSON(a.stdout, v.document())
	case "plugin":
		a.printf("%s\n", v.pluginLine())
		return nil
	default:
		return a.printTable(v)
	}
}

func (a *app) printTable(v verification) error {
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tSTATUS\tSEEN")
	for _, item := range v.items {
		fmt.Fprintf(table, "%s\t%s\t%s\n", item.Name, item.Health, printable(item.Seen))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	a.printf("\n")
	if len(v.report.Verdicts) == 0 {
		a.printf("no container is running: no evidence of a sandbox, nor against\n")
	} else {
		userns := ""
		if v.remapped {
			userns = "\tIDS"
		}
		fmt.Fprintf(table, "CONTAINER\tID\tRUNTIME\tSANDBOX\tRELEASE%s\tWHY\n", userns)
		for _, verdict := range v.report.Verdicts {
			c := verdict.Container
			if v.remapped {
				userns = "\t" + verdict.Remap.String()
			}
			fmt.Fprintf(table, "%s\t%.12s\t%s\t%s\t%s%s\t%s\n", verify.Printable(c.Name), c.ID, verify.Printable(c.Runtime),
				verdict.State, orDash(verdict.Release), userns, orDash(verdict.Why()))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	a.printStrays(v.report)
	a.printRemedies(v)
	return nil
}

// printStrays lists sandboxes that no container owns, and what only calls
// itself one.
func (a *app) printStrays(report verify.Report) {
	for _, orphan := range report.Orphans {
		a.printf("orphan: process %d is a sandbox of release %s for container %.12s, which does not run\n",
			orphan.PID, orphan.File.Release, printable(orphan.ContainerID))
	}
	const most = 10
	for i, claim := range report.Claims {
		if i == most {
			a.printf("… and %d more\n", len(report.Claims)-most)
			break
		}
		a.printf("claim: process %d calls itself a sandbox and runs from no known release\n", claim.PID)
	}
	if report.Denied > 0 {
		a.printf("unknown: %s may not be looked at; run it as root\n", count(report.Denied, "process"))
	}
}

// printRemedies ends the table with the overall status and what to do.
func (a *app) printRemedies(v verification) {
	health := v.health()
	colors := map[provision.Health]string{
		provision.Healthy: green, provision.Warning: yellow, provision.Unsure: yellow, provision.Critical: red,
	}
	a.printf("\n%s\n", a.style(colors[health], health.String()))
	for _, item := range v.items {
		if item.Remedy != "" && item.Health != provision.Healthy {
			a.printf("  %s: %s\n", item.Name, item.Remedy)
		}
	}
	for _, verdict := range v.report.Verdicts {
		if v.remapHealth(verdict) == provision.Warning {
			a.printf("  %s: its root is the host's root (--userns=host); create it anew without that to have it remapped\n", verify.Printable(verdict.Container.Name))
		}
		if v.sandboxHealth(verdict) == provision.Warning {
			a.printf("  %s: created with runtime %s; create it anew to have it in a sandbox\n",
				verify.Printable(verdict.Container.Name), verify.Printable(verdict.Container.Runtime))
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// pluginLine is the one line of a monitoring plugin, with performance data
// (Monitoring Plugins Development Guidelines, "Plugin Output").
func (v verification) pluginLine() string {
	sandboxed, outside, unknown := v.counts()
	text := fmt.Sprintf("%d of %s in a sandbox", sandboxed, count(sandboxed+outside+unknown, "container"))
	for _, item := range v.items {
		if item.Health != provision.Healthy {
			text += ", " + item.Name + ": " + item.Seen
		}
	}
	return fmt.Sprintf("RUNSC %s - %s | sandboxed=%d;;;0 unsandboxed=%d;;;0 unknown=%d;;;0",
		strings.ToUpper(v.health().String()), perfText(text), sandboxed, outside, unknown)
}

// perfText keeps text on its side of the bar that starts performance data.
func perfText(text string) string { return strings.ReplaceAll(printable(text), "|", "/") }

// document is v for machines.
func (v verification) document() any {
	type check struct {
		Name     string `json:"name"`
		State    string `json:"state"`
		Expected string `json:"expected"`
		Seen     string `json:"seen"`
		Source   string `json:"source,omitempty"`
	}
	type container struct {
		ID      string  `json:"id"`
		Name    string  `json:"name"`
		Image   string  `json:"image"`
		Runtime string  `json:"runtime"`
		PID     int     `json:"pid"`
		State   string  `json:"state"`
		Release string  `json:"release,omitempty"`
		IDs     string  `json:"ids"` // host, remapped, other or unknown
		Checks  []check `json:"checks"`
	}
	type sandbox struct {
		PID       int    `json:"pid"`
		Container string `json:"container"`
		Release   string `json:"release,omitempty"`
	}
	containers := make([]container, 0, len(v.report.Verdicts))
	for _, verdict := range v.report.Verdicts {
		c := verdict.Container
		out := container{ID: c.ID, Name: c.Name, Image: c.Image, Runtime: c.Runtime, PID: c.PID, State: verdict.State.String(), Release: verdict.Release, IDs: verdict.Remap.String()}
		for _, made := range verdict.Checks {
			out.Checks = append(out.Checks, check{made.Name, made.State.String(), made.Expected, made.Seen, made.Source})
		}
		containers = append(containers, out)
	}
	sandboxes := func(found []verify.Sandbox) []sandbox {
		list := make([]sandbox, 0, len(found))
		for _, s := range found {
			list = append(list, sandbox{s.PID, s.ContainerID, s.File.Release})
		}
		return list
	}
	return struct {
		SchemaVersion int              `json:"schema_version"`
		Status        provision.Health `json:"status"`
		Host          []provision.Item `json:"host"`
		Evidence      string           `json:"evidence"`
		Containers    []container      `json:"containers"`
		Orphans       []sandbox        `json:"orphans"`
		Claims        []sandbox        `json:"claims"`
	}{schemaVersion, v.health(), v.items, v.report.State.String(), containers, sandboxes(v.report.Orphans), sandboxes(v.report.Claims)}
}
