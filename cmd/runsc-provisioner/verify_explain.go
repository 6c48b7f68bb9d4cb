package main

import (
	"strings"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// printExplanation says what was read about one container, where, and what that
// means.
func (to *console) printExplanation(v audit.Verification) {
	colors := map[verify.CheckState]string{verify.Passed: green, verify.Limited: yellow, verify.Unread: yellow, verify.Failed: red}
	for _, verdict := range v.Report.Verdicts {
		c := verdict.Container
		release := ""
		if verdict.Release != "" {
			release = ", in release " + verdict.Release
		}
		to.printf("Container %s (%.12s) is %s%s.\n", verify.Printable(c.Name), c.ID, verdict.State, release)
		if reason := v.WhyOutside[c.ID]; reason != "" {
			to.printf("It is outside because it was %s.\n", strings.TrimPrefix(reason, "was "))
		}
		switch verdict.Writes {
		case verify.WritesKept:
			to.printf("Docker sees what it writes to its root file system.\n")
		case verify.WritesLost:
			to.printf("What it writes to its root file system stays in the sandbox and ends with it.\n")
		case verify.WritesUnknown:
		}
		for _, check := range verdict.Checks {
			to.printf("\n%s: %s\n", to.style(bold, check.Name), to.style(colors[check.State], check.State.String()))
			to.printf("  It asks %s.\n", verify.About(check.Name))
			to.printf("  Expected: %s.\n", check.Expected)
			to.printf("  Seen: %s.\n", check.Seen)
			to.printf("  Read from: %s.\n", check.Source)
		}
		for _, w := range verdict.Weaknesses {
			to.printf("\n%s %s\n  It means: %s.\n  Read from: %s. Source: %s.\n", to.style(yellow, "weakened by"), w.Setting, w.Gives, w.Where, w.Source)
		}
		for _, w := range verdict.Ways {
			to.printf("\n%s %s\n  It gives %s.\n", to.style(yellow, "way around:"), w.What, w.Gives)
		}
	}
	to.printf("\n")
	to.printFindings(v)
}

// printFindings prints the overall status, and each finding with its remedy.
func (to *console) printFindings(v audit.Verification) {
	colors := map[checkup.Health]string{
		checkup.Healthy: green, checkup.Warning: yellow, checkup.Unsure: yellow, checkup.Critical: red,
	}
	to.printf("%s\n", to.style(colors[v.Health()], v.Health().String()))
	for i, f := range v.Findings {
		if i == mostFindings {
			to.printf("  … and %d more (--format json lists all)\n", len(v.Findings)-mostFindings)
			break
		}
		to.printf("  %s: %s: %s\n    → %s\n", f.Health, printable(f.Object), printable(f.Seen), printable(f.Remedy))
	}
}
