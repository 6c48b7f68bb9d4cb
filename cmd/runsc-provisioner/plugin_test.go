package main

import (
	"regexp"
	"strings"
	"testing"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// The grammar of the Monitoring Plugins Development Guidelines: one line, with text
// that has no bar, and then performance data.
var (
	pluginGrammar = regexp.MustCompile(`^RUNSC (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \|( [^\n]*))?$`)
	perfGrammar   = regexp.MustCompile(`^('[^'=]+'|[^'= ]+)=(U|-?[0-9.]+)(s|us|ms|%|B|KB|MB|TB|c)?(;[0-9.:@~-]*){0,4}$`)
)

func TestFault_V09_PluginLineKeepsToItsGrammar(t *testing.T) {
	evil := "a|b=1;2 \x1b[31m\n'x'\u202e\xff"
	v := audit.Verification{
		Report:   verify.Report{Verdicts: []verify.Verdict{{Container: verify.Container{Name: evil}, State: verify.NotSandboxed}}, ClaimCount: 7},
		Findings: []audit.Finding{{Health: checkup.Critical, Object: "container " + evil, Seen: evil, Remedy: evil}, {}, {}, {}, {}},
	}
	long := audit.Verification{Findings: []audit.Finding{{Object: strings.Repeat("ü|\n", 500)}}}
	unasked := audit.Verification{Report: verify.NewUnaskedReport(verify.Survey{})}
	for _, line := range []string{pluginLine(v), pluginLine(audit.Verification{}), pluginLine(unasked), pluginLine(long)} {
		if len(line) > 1024 {
			t.Errorf("got %d bytes, want at most the 1024 that NRPE passes on", len(line))
		}
		if !pluginGrammar.MatchString(line) {
			t.Errorf("%q does not match the grammar", line)
		}
		_, perf, _ := strings.Cut(line, " | ")
		for _, one := range strings.Fields(perf) {
			if !perfGrammar.MatchString(one) {
				t.Errorf("%q is not performance data", one)
			}
		}
		for _, r := range line {
			if unsafeRune(r) {
				t.Errorf("%q has %q in it", line, r)
			}
		}
	}
}
