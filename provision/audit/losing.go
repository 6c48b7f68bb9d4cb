package audit

import (
	"context"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// losesWrites reports whether a container goes on losing what it writes although its
// runtime keeps writes by now: its sandbox was started before.
func losesWrites(verdict verify.Verdict, runtimes []checkup.RuntimeWrites) bool {
	c := verdict.Container
	if verdict.Writes != verify.WritesLost || c.ChoosesOverlay() {
		return false
	}
	for _, w := range runtimes {
		if w.Runtime == c.Runtime {
			return w.Kept() && w.Promised == verify.WritesKept
		}
	}
	return false
}

func (v *Verification) checkWrites(verdict verify.Verdict, object string) {
	if losesWrites(verdict, v.Writes) {
		name := verify.Printable(verdict.Container.Name)
		v.addFinding(checkup.Warning, codeWrites, object,
			"docker cp, commit and diff do not see what it writes: its sandbox started before runtime "+verify.Printable(verdict.Container.Runtime)+" kept writes",
			RestartToKeep(name))
	}
}

// RestartToKeep is the remedy for a container that goes on losing writes.
func RestartToKeep(name string) string {
	return "docker restart " + name + ", which loses what it has written to its root file system until then; copy that out first: docker exec " + name + " tar -cf - PATH > FILE"
}

// losingTime is how long LosingWrites may take.
const losingTime = 10 * time.Second

// LosingWrites names the running containers that go on losing what they write until they
// are restarted. o is the host as it is now. Its errors are those of Report.
func LosingWrites(ctx context.Context, h *host.Host, c config.Config, o host.Observed) ([]string, error) {
	runtimes := checkup.WritesInEffect(c, o)
	if len(runtimes) == 0 || len(o.RunningContainers) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, losingTime)
	defer cancel()
	report, err := reportWith(ctx, h, c, o, host.Engine.Containers, h.Proc().LookAt)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, verdict := range report.Verdicts {
		if losesWrites(verdict, runtimes) {
			names = append(names, verdict.Container.Name)
		}
	}
	return names, nil
}
