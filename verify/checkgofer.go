package verify

import (
	"fmt"
	"strings"
)

// hostCaps are the capabilities that no sandbox has and whoever is root has:
// capabilities(7) has their numbers.
var hostCaps = []struct {
	bit  int
	name string
}{
	{16, "CAP_SYS_MODULE"}, {17, "CAP_SYS_RAWIO"}, {21, "CAP_SYS_ADMIN"}, {22, "CAP_SYS_BOOT"}, {25, "CAP_SYS_TIME"},
	{32, "CAP_MAC_OVERRIDE"}, {33, "CAP_MAC_ADMIN"}, {34, "CAP_SYSLOG"}, {38, "CAP_PERFMON"}, {39, "CAP_BPF"},
}

func checkCapabilities(p Process, source string) Check {
	check := Check{Name: CheckCaps, State: Passed, Expected: "none that only root of the host needs", Seen: fmt.Sprintf("%016x", p.CapEff), Source: source}
	var names []string
	for _, c := range hostCaps {
		if p.CapEff&(1<<c.bit) != 0 {
			names = append(names, c.name)
		}
	}
	if len(names) > 0 {
		check.State = Failed
		check.Seen += ": " + strings.Join(names, ", ")
	}
	return check
}

// goferNamespaces are those that every gofer has of its own.
var goferNamespaces = []string{"mnt", "ipc", "uts"}

// checkGofer asks that what opens files for the sandbox is confined too. A
// sandbox may have none, when it has no files of the host's to open.
func checkGofer(e Evidence) Check {
	check := Check{Name: CheckGofer, State: Passed, Expected: "confined: a filter, no new privileges, its own " + strings.Join(goferNamespaces, ", "), Source: "/proc/*/cmdline"}
	if e.Scope == Nowhere {
		check.State, check.Seen = Unread, "not looked for"
		return check
	}
	if len(e.Gofers) == 0 {
		check.State, check.Seen = Limited, "none runs"
		return check
	}
	for _, gofer := range e.Gofers {
		p := gofer.Process
		if gofer.Gap != Complete {
			check.State, check.Seen = Unread, "it may not be read, or changed at every look"
			return check
		}
		check.Source, check.Seen = fmt.Sprintf("/proc/%d", p.PID), fmt.Sprintf("process %d, confined", p.PID)
		var lacks []string
		for _, one := range []Check{checkSeccomp(p, ""), checkPrivileges(p, ""), checkCapabilities(p, "")} {
			if one.State != Passed {
				lacks = append(lacks, one.Name+" "+one.Seen)
			}
		}
		for _, kind := range goferNamespaces {
			if own, of := p.Namespaces[kind], e.Host[kind]; own == 0 || own == of {
				lacks = append(lacks, "the host's "+kind)
			}
		}
		if len(lacks) > 0 {
			check.State, check.Seen = Failed, fmt.Sprintf("process %d: %s", p.PID, strings.Join(lacks, "; "))
			return check
		}
	}
	return check
}
