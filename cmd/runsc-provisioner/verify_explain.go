package main

import (
	"strings"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// printExplanation says what was read about one container, where, and what that
// means.
func (a *app) printExplanation(v audit.Verification) {
	colors := map[verify.CheckState]string{verify.Passed: green, verify.Limited: yellow, verify.Unread: yellow, verify.Failed: red}
	for _, verdict := range v.Report.Verdicts {
		c := verdict.Container
		release := ""
		if verdict.Release != "" {
			release = ", in release " + verdict.Release
		}
		a.printf("Container %s (%.12s) is %s%s.\n", verify.Printable(c.Name), c.ID, verdict.State, release)
		if reason := v.WhyOutside[c.ID]; reason != "" {
			a.printf("It is outside because it was %s.\n", strings.TrimPrefix(reason, "was "))
		}
		switch verdict.Writes {
		case verify.WritesKept:
			a.printf("Docker sees what it writes to its root file system.\n")
		case verify.WritesLost:
			a.printf("What it writes to its root file system stays in the sandbox and ends with it.\n")
		case verify.WritesUnknown:
		}
		for _, check := range verdict.Checks {
			a.printf("\n%s: %s\n", a.style(bold, check.Name), a.style(colors[check.State], check.State.String()))
			a.printf("  It asks %s.\n", verify.About(check.Name))
			a.printf("  Expected: %s.\n", check.Expected)
			a.printf("  Seen: %s.\n", check.Seen)
			a.printf("  Read from: %s.\n", check.Source)
		}
		for _, w := range verdict.Weaknesses {
			a.printf("\n%s %s\n  It means: %s.\n  Read from: %s. Source: %s.\n", a.style(yellow, "weakened by"), w.Setting, w.Gives, w.Where, w.Source)
		}
		for _, w := range verdict.Ways {
			a.printf("\n%s %s\n  It gives %s.\n", a.style(yellow, "way around:"), w.What, w.Gives)
		}
	}
	a.printf("\n")
	a.printFindings(v)
}

// printFindings prints the overall status, and each finding with its remedy.
func (a *app) printFindings(v audit.Verification) {
	colors := map[checkup.Health]string{
		checkup.Healthy: green, checkup.Warning: yellow, checkup.Unsure: yellow, checkup.Critical: red,
	}
	a.printf("%s\n", a.style(colors[v.Health()], v.Health().String()))
	for i, f := range v.Findings {
		if i == mostFindings {
			a.printf("  … and %d more (--format json lists all)\n", len(v.Findings)-mostFindings)
			break
		}
		a.printf("  %s: %s: %s\n    → %s\n", f.Health, printable(f.Object), printable(f.Seen), printable(f.Remedy))
	}
}
