package audit

import (
	"cmp"
	"fmt"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

func (v *Verification) checkStrays(e Expect) {
	if n := v.Report.Denied; n > 0 {
		v.addFinding(checkup.Unsure, codeProcessesUnread, "processes", fmt.Sprintf("%d could not be read", n), "run verify as root on the host")
	}
	v.checkUnasked()
	const most = 10
	for i, box := range v.Report.Orphans {
		if i == most {
			v.addFinding(checkup.Warning, codeOrphan, "processes", fmt.Sprintf("%d more sandboxes that dockerd does not run", v.Report.OrphanCount-most), "end the ones listed first, then verify again")
			break
		}
		v.addFinding(checkup.Warning, codeOrphan, fmt.Sprintf("process %d", box.PID),
			fmt.Sprintf("a sandbox of release %s for container %.12s, which dockerd does not run", box.File.Release, verify.Printable(box.ContainerID)),
			fmt.Sprintf("if no other program uses this gVisor, end it: sudo kill -9 %d", box.PID))
	}
	if n := len(v.Report.Claims); n > 0 {
		v.addFinding(checkup.Warning, codeClaim, "processes", fmt.Sprintf("%d call themselves a sandbox and run from no known release, such as process %d", n, v.Report.Claims[0].PID),
			fmt.Sprintf("sudo ls -l /proc/%d/exe shows the program: another gVisor, or one in disguise", v.Report.Claims[0].PID))
	}
	for _, other := range v.Report.Others {
		// One process of a release proves nothing about the others, and without
		// dockerd nothing shows that they were started as a sandbox.
		if other.Sandboxed == other.Processes && e.All && !(v.Report.Unasked && other.Engine == dockerEngine) {
			v.addFinding(checkup.Unsure, codeOtherContainer, fmt.Sprintf("container %.12s", other.ID), "runs from a release, but is not this dockerd's, so how it was started is unknown",
				"ask the engine that runs it: cat /proc/"+fmt.Sprint(other.PID)+"/cgroup")
		}
		if other.Sandboxed == other.Processes || !v.SandboxByDefault && !e.All || v.Report.Unasked && other.Engine == dockerEngine {
			continue
		}
		health := checkup.Warning
		if e.All {
			health = checkup.Critical
		}
		v.addFinding(health, codeOtherContainer, fmt.Sprintf("container %.12s", other.ID),
			describeOther(other), "set the runtime of that engine, or stop the program that makes cgroups of this name: cat /proc/"+fmt.Sprint(other.PID)+"/cgroup")
	}
}

func describeOther(other verify.Other) string {
	where := cmp.Or(other.Engine, verify.Printable(other.Cgroup))
	if other.Borrowed {
		return fmt.Sprintf("other processes have a cgroup of its name (%s), and are not in a sandbox", verify.Printable(other.Cgroup))
	}
	return fmt.Sprintf("not this dockerd's (%s), and not in a sandbox", where)
}

// dockerEngine is package verify's name for the engine of dockerd's containers. Some
// may be missing from dockerd's list.
const dockerEngine = "docker"

// checkUnasked reports containers that run while dockerd cannot be asked. With
// live-restore that is every container.
func (v *Verification) checkUnasked() {
	outside := 0
	for _, other := range v.Report.Others {
		if other.Engine == dockerEngine && other.Sandboxed == 0 {
			outside++
		}
	}
	if in := len(v.Report.Unowned); v.Report.Unasked && in+outside > 0 {
		v.addFinding(checkup.Unsure, codeUnknown, "containers",
			fmt.Sprintf("processes show %d in a sandbox and %d outside; dockerd was not asked which containers they are", in, outside),
			"they may be healthy: verify again when Docker runs; systemctl status "+host.DockerUnit)
	}
}
