package verify

import (
	"fmt"
	"strings"
)

// hostCaps are capabilities that root on the host has and no sandbox has; the
// numbers are from capabilities(7).
var hostCaps = []struct {
	bit  int
	name string
}{
	{16, "CAP_SYS_MODULE"}, {17, "CAP_SYS_RAWIO"}, {21, "CAP_SYS_ADMIN"}, {22, "CAP_SYS_BOOT"}, {25, "CAP_SYS_TIME"},
	{32, "CAP_MAC_OVERRIDE"}, {33, "CAP_MAC_ADMIN"}, {34, "CAP_SYSLOG"}, {38, "CAP_PERFMON"}, {39, "CAP_BPF"},
}

func checkCapabilities(p Process, source string) Check {
	check := Check{Name: CheckCaps, State: Passed, Expected: "none that only root on the host needs", Seen: fmt.Sprintf("%016x", p.CapEff), Source: source}
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

// goferNamespaces are those that every gofer has for itself.
var goferNamespaces = []string{"mnt", "ipc", "uts"}

// checkGofer checks that the process that opens files for the sandbox is
// confined too. A sandbox without files of the host may have none.
func checkGofer(e Evidence) Check {
	check := Check{Name: CheckGofer, State: Passed, Expected: "confined: a filter, no new privileges, its own " + strings.Join(goferNamespaces, ", "), Source: "/proc/*/cmdline"}
	if e.Scope == nowhere {
		check.State, check.Seen = Unread, "not looked for"
		return check
	}
	if len(e.Gofers) == 0 {
		check.State, check.Seen = Limited, "there is none"
		return check
	}
	for _, gofer := range e.Gofers {
		p := gofer.Process
		if gofer.Gap != Complete {
			check.State, check.Seen = Unread, "not readable, or changed at every look"
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
