package main

import (
	"bytes"
	"strings"
	"testing"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/verify"
)

func TestVerifySaysEachThingOnce(t *testing.T) {
	weak := []verify.Weakness{{Setting: "--debug", Gives: "logs"}}
	verdict := func(name string, ways ...verify.Way) verify.Verdict {
		return verify.Verdict{Container: verify.Container{Name: name}, Weaknesses: weak, Ways: ways}
	}
	ipc, host := verify.Way{What: "--ipc=host", Gives: "memory"}, verify.Way{What: "--network=host", Gives: "network"}
	v := audit.Verification{
		Report:   verify.Report{Verdicts: []verify.Verdict{verdict("cache", ipc, host), verdict("db", ipc), verdict("web")}},
		Findings: []audit.Finding{{Object: "container cache", Seen: "--network=host gives network"}},
	}
	var out bytes.Buffer
	(&console{stdout: &out}).printWeaknesses(v)
	for text, want := range map[string]int{"--debug": 1, "--ipc=host": 1, "--network=host": 0} {
		if got := strings.Count(out.String(), text); got != want {
			t.Errorf("got %s %d times, want %d:\n%s", text, got, want, out.String())
		}
	}
}
