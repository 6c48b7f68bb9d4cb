package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// What findings are called for programs.
const (
	codeHost            = "host"
	codeOutside         = "container-outside"
	codeUnknown         = "container-unknown"
	codeIDs             = "container-ids"
	codeWayAround       = "way-around"
	codeWeakening       = "weakening"
	codeAbsent          = "container-absent"
	codeNoEvidence      = "no-evidence"
	codeOrphan          = "orphan"
	codeClaim           = "claim"
	codeOtherContainer  = "other-container"
	codeProcessesUnread = "processes-unread"
	codeReleaseTooOld   = "release-too-old"
	codeContent         = "content"
)

// checkAll draws the findings from what was seen. It is pure.
func (v *Verification) checkAll(e Expect) {
	for _, item := range v.Items {
		if item.Health != checkup.Healthy {
			v.addFinding(item.Health, codeHost, item.Name, item.Seen, cmp.Or(item.Remedy, "sudo runsc-provisioner plan, which says what is in the way"))
		}
	}
	v.checkContent()
	for _, verdict := range v.Report.Verdicts {
		v.checkContainer(e, verdict)
	}
	v.checkAbsent(e)
	if sandboxed, _, _ := v.Report.Count(); e.Some && sandboxed == 0 {
		v.addFinding(checkup.Warning, codeNoEvidence, "containers", "none runs in a sandbox, so nothing was shown", "start one, or do not --expect some")
	}
	if e.Weakening {
		v.checkRuntimes()
	}
	if v.WantedRelease != "" {
		v.checkRelease(e, v.WantedRelease, "release", "sudo runsc-provisioner apply --release=latest --upgrade")
	}
	v.checkStrays(e)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(b.Health, a.Health) })
}

func (v *Verification) addFinding(health checkup.Health, code, object, seen, remedy string) {
	v.Findings = append(v.Findings, Finding{Health: health, Code: code, Object: object, Seen: seen, Remedy: remedy})
}

func (v *Verification) checkContent() {
	for _, look := range v.Deep {
		object := "release " + look.Name
		if !look.State.Intact() {
			remedy := checkup.ApplyRemedy + ", which puts it back; containers that run from it are to be started anew"
			if look.Name != v.WantedRelease {
				remedy = "start the containers that run from it anew, if there are any, then " + checkup.ApplyRemedy + ", which removes it"
			}
			v.addFinding(checkup.Critical, codeContent, object, look.State.Reason, remedy)
		}
		if look.Archive != "" {
			v.addFinding(checkup.Critical, codeContent, object, look.Archive, "sudo runsc-provisioner apply --release="+look.Name+" fetches it anew once its directory and archive are removed")
		}
	}
}

// expected reports whether somebody asked that the container is in a sandbox,
// and in which words.
func (e Expect) expected(c verify.Container) string {
	if e.All {
		return "--expect all"
	}
	for _, name := range e.Containers {
		if matches(name, c) {
			return "--expect " + name
		}
	}
	for _, label := range e.Labels {
		key, value, has := strings.Cut(label, "=")
		// A label only ever demands, so one that could not be read is there.
		if got, ok := c.Labels[key]; ok && (!has || got == value) || c.LabelsCut {
			return "--require-sandbox label=" + label
		}
	}
	return ""
}

// matches takes a name, or at least the twelve digits of an ID that docker ps
// shows.
func matches(name string, c verify.Container) bool {
	const short = 12
	return name == c.Name || len(name) >= short && strings.HasPrefix(c.ID, name)
}

func (v *Verification) checkContainer(e Expect, verdict verify.Verdict) {
	c := verdict.Container
	object := "container " + verify.Printable(c.Name)
	v.checkSandbox(e, verdict, object)
	if health := v.remapHealth(verdict); health != checkup.Healthy {
		seen, remedy := "its ids are not those it should have: "+verdict.Remap.String(), "create it anew"
		switch health {
		case checkup.Warning:
			seen, remedy = "its root is the host's root (--userns=host)", "create it anew without that to have it remapped"
		case checkup.Unsure:
			seen, remedy = "whose ids it has could not be read", "run it as root: sudo runsc-provisioner verify"
		}
		v.addFinding(health, codeIDs, object, seen, remedy)
	}
	ours := v.SandboxByDefault || v.Managed[c.Runtime] || e.expected(c) != ""
	for _, way := range verdict.Ways {
		switch {
		case !way.Grave, way.What == "--userns=host" && !(v.Remapped && e.WaysAround):
			// Without userns-remap it gives nothing, and with it there is the
			// finding about its ids.
		case e.WaysAround:
			v.addFinding(checkup.Critical, codeWayAround, object, way.What+" gives "+way.Gives, "create it anew without "+way.What)
		case ours:
			v.addFinding(checkup.Warning, codeWayAround, object, way.What+" gives "+way.Gives, "create it anew without "+way.What)
		}
	}
	if e.Weakening {
		for _, w := range verdict.Weaknesses {
			v.addFinding(checkup.Critical, codeWeakening, object, w.Setting+": "+w.Gives, weakRemedy(w, c.Runtime))
		}
	}
	if verdict.State == verify.Sandboxed {
		v.checkRelease(e, verdict.Release, object, "restart it: a container that is started runs from the release that its runtime names then")
	}
}

func weakRemedy(w verify.Weakness, runtime string) string {
	switch {
	case w.Where == verify.InAnnotation && strings.HasPrefix(w.Setting, "--"):
		return "create the container anew without that annotation, and take --allow-flag-override out of the runtime's arguments if it is there"
	case w.Where == verify.InAnnotation || w.Where == verify.InDevices:
		return "create the container anew without that"
	case strings.HasPrefix(w.Setting, "--nvidia-driver-version"):
		return "create the container anew without GPUs, and take --nvproxy out of the runtime's arguments if it is there"
	}
	return fmt.Sprintf("take %s out of docker.runtimes.%s.args (or daemon.json's runtimeArgs), sudo runsc-provisioner apply, and start the container anew", w.Setting, verify.Printable(runtime))
}

func (v *Verification) checkSandbox(e Expect, verdict verify.Verdict, object string) {
	c := verdict.Container
	asked := e.expected(c)
	explain := "sudo runsc-provisioner verify --explain " + verify.Printable(c.Name)
	switch verdict.State {
	case verify.Sandboxed:
	case verify.NotSandboxed:
		why := v.explainOutside(verdict)
		v.WhyOutside[c.ID] = why
		switch {
		case v.Managed[c.Runtime]:
			v.addFinding(checkup.Critical, codeOutside, object, "not in a sandbox: "+why, "stop it, then "+explain)
		case asked != "":
			v.addFinding(checkup.Critical, codeOutside, object, "not in a sandbox ("+asked+"): "+why, "create it anew"+v.inSandbox())
		case v.SandboxByDefault:
			v.addFinding(checkup.Warning, codeOutside, object, "not in a sandbox: "+why, "create it anew to have it in a sandbox")
		}
	default:
		if c.Unread != nil {
			v.addFinding(checkup.Unsure, codeUnknown, object, "not known: "+verdict.Why(), "sudo docker inspect "+verify.Printable(c.Name)+" shows what dockerd says of it: create it anew with less")
			return
		}
		v.addFinding(checkup.Unsure, codeUnknown, object, "not known: "+verdict.Why(), "run it as root on the host; "+explain+" says what was not read")
	}
}

func (v *Verification) inSandbox() string {
	if v.SandboxByDefault {
		return ", without --runtime"
	}
	return ", with --runtime=runsc"
}

// explainOutside says how a container came to be outside.
func (v *Verification) explainOutside(verdict verify.Verdict) string {
	c := verdict.Container
	if v.Managed[c.Runtime] {
		return verdict.Why()
	}
	name := verify.Printable(c.Runtime)
	switch {
	case !v.SandboxByDefault:
		return "created with runtime " + name + ", and no sandbox is the default"
	case !v.DaemonJSONWritten.IsZero() && !c.Created.IsZero() && c.Created.Before(v.DaemonJSONWritten):
		return fmt.Sprintf("created with runtime %s on %s, before daemon.json was last written (%s): before the default was changed, or by --runtime",
			name, c.Created.UTC().Format(time.DateTime), v.DaemonJSONWritten.UTC().Format(time.DateTime))
	default:
		return "asked for by --runtime=" + name
	}
}

// remapHealth weighs whose ids a container has: one that opted out is a warning,
// any other that is not remapped where all are is critical.
func (v *Verification) remapHealth(verdict verify.Verdict) checkup.Health {
	switch {
	case verdict.Container.Unread != nil, !v.Remapped || verdict.Container.UIDMap == nil && verdict.Container.UsernsMode != "host", verdict.Remap == verify.Remapped:
		return checkup.Healthy
	case verdict.Remap == verify.RemapUnknown:
		return checkup.Unsure
	case verdict.Container.UsernsMode == "host":
		return checkup.Warning
	default:
		return checkup.Critical
	}
}

func (v *Verification) checkAbsent(e Expect) {
	for _, name := range e.Containers {
		if v.Report.Unasked {
			v.addFinding(checkup.Unsure, codeUnknown, "container "+verify.Printable(name), "whether it runs is not known: dockerd was not asked", "look again when Docker runs: systemctl status "+host.DockerUnit)
			continue
		}
		if !slices.ContainsFunc(v.Report.Verdicts, func(one verify.Verdict) bool { return matches(name, one.Container) }) {
			v.addFinding(checkup.Critical, codeAbsent, "container "+verify.Printable(name), "does not run, or was started or stopped during the look", "docker ps -a shows what became of it")
		}
	}
}

// checkRelease compares a release with the oldest that is expected.
func (v *Verification) checkRelease(e Expect, name, object, remedy string) {
	got, err := release.ParseLabel(name)
	if err != nil {
		if e.MinRelease != "" || e.MaxAge > 0 {
			v.addFinding(checkup.Unsure, codeReleaseTooOld, object, "release "+verify.Printable(name)+" has no date that is understood", remedy)
		}
		return
	}
	if e.MinRelease != "" {
		if least, err := release.ParseLabel(e.MinRelease); err == nil && got.Compare(least) < 0 {
			v.addFinding(checkup.Critical, codeReleaseTooOld, object, "release "+name+" is older than "+e.MinRelease, remedy)
		}
	}
	if age := v.At.Sub(got.Date()); e.MaxAge > 0 && age > e.MaxAge {
		v.addFinding(checkup.Critical, codeReleaseTooOld, object, fmt.Sprintf("release %s is %d days old, more than %d", name, days(age), days(e.MaxAge)), remedy)
	}
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
