package main

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/verify"
)

// mostFindings is how many findings are printed.
const mostFindings = 50

// sharedLine is one line of text with the containers that it is about.
type sharedLine struct {
	text       string
	containers []string
}

// sharedLines collects lines. It keeps the order, and has each text once.
type sharedLines []sharedLine

func (l *sharedLines) add(container, text string) {
	i := slices.IndexFunc(*l, func(line sharedLine) bool { return line.text == text })
	if i < 0 {
		*l = append(*l, sharedLine{text, []string{container}})
		return
	}
	(*l)[i].containers = append((*l)[i].containers, container)
}

// printWeaknesses prints each weakness and each way around once, with the containers that it
// is about. It omits what a printed finding says.
func (to *console) printWeaknesses(v audit.Verification) {
	var weak, ways sharedLines
	found := map[[2]string]bool{}
	for _, f := range v.Findings[:min(len(v.Findings), mostFindings)] {
		found[[2]string{f.Object, f.Seen}] = true
	}
	for _, verdict := range v.Report.Verdicts {
		name := verify.Printable(verdict.Container.Name)
		for _, w := range verdict.Weaknesses {
			if text := w.Setting + ": " + w.Gives; !found[[2]string{"container " + name, text}] {
				weak.add(name, text)
			}
		}
		for _, w := range verdict.Ways {
			if text := w.What + " gives " + w.Gives; !found[[2]string{"container " + name, text}] {
				ways.add(name, text)
			}
		}
	}
	for _, line := range weak {
		to.printf("weakened: %s: %s\n", containerList(line.containers, len(v.Report.Verdicts)), line.text)
	}
	for _, line := range ways {
		to.printf("way around: %s: %s\n", containerList(line.containers, len(v.Report.Verdicts)), line.text)
	}
}

// containerList names containers; all is how many are running.
func containerList(names []string, all int) string {
	const most = 5
	switch {
	case len(names) == all && all > 1:
		return fmt.Sprintf("all %d containers", all)
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
