package main

import (
	"fmt"
	"strings"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/verify"
)

// maxGiven is how many parts of one container's definition are shown.
const maxGiven = 3

// printSwitch says, before a change of the default runtime, what differs for existing containers.
func (to *console) printSwitch(s *difference.Switch) {
	if s == nil {
		return
	}
	if len(s.Items) > 0 {
		to.printf("%s when a container is created again with %s, the new default runtime; until then it keeps %s:\n", to.style(yellow, "differs"), s.To, s.From)
	}
	to.printDifferences(s.Items)
	to.printUnseen(s.Unseen)
}

func (to *console) printUnseen(unseen []string) {
	for _, text := range unseen {
		to.printf("%s what differs for existing containers may be incomplete: %s\n", to.style(yellow, "note:"), printable(text))
	}
}

// printDifferences lists what differs, for which containers, and what to do about it.
func (to *console) printDifferences(items []difference.Item) {
	for _, item := range items {
		to.printf("      %s: %s\n", item.Feature, item.Differs)
		to.printf("        containers: %s\n", affectedList(item.Containers))
		to.printf("        way out: %s\n", item.WayOut)
	}
}

// affectedList names containers, with what is to blame in each.
func affectedList(all []difference.Affected) string {
	var texts []string
	for i, one := range all {
		if i == maxNames {
			return fmt.Sprintf("%s and %d more (--format json lists them)", strings.Join(texts, ", "), len(all)-maxNames)
		}
		text := one.Name
		switch more := len(one.Given) - maxGiven; {
		case more > 0:
			text += fmt.Sprintf(" (%s and %d more)", strings.Join(one.Given[:maxGiven], ", "), more)
		case len(one.Given) > 0:
			text += " (" + strings.Join(one.Given, ", ") + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// printKeeping names the containers that keep the earlier default runtime after a switch, and what each gains and
// loses when it is created again.
func (t *runReport) printKeeping(result provision.Result) {
	s := t.toSwitch
	if s == nil || len(s.Keeping) == 0 || verify.Printable(result.Observed.Engine.DefaultRuntime) != s.To {
		return
	}
	t.app.printf("%s %s until created again (docker compose up --force-recreate, or docker rm and docker run):\n",
		t.app.style(yellow, "!"), keeps(len(s.Keeping), s.From))
	for i, one := range s.Keeping {
		if i == maxNames {
			t.app.printf("      … and %d more\n", len(s.Keeping)-maxNames)
			break
		}
		t.app.printf("      %s%s\n", one.Name, gainsAndLacks(s, one))
	}
}

// gainsAndLacks says what a container gains and loses when it is created again; "" if nothing.
func gainsAndLacks(s *difference.Switch, one difference.Keeping) string {
	var texts []string
	if !s.FromSandbox {
		texts = append(texts, "gains a sandbox")
	}
	if len(one.Lacks) > 0 {
		texts = append(texts, "then has "+strings.Join(one.Lacks, ", "))
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, ", and ")
}

func keeps(n int, runtime string) string {
	if n == 1 {
		return "1 container keeps " + runtime
	}
	return fmt.Sprintf("%d containers keep %s", n, runtime)
}
