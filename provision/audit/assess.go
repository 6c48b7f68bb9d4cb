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
	foundItem       = "host"
	foundOutside    = "container-outside"
	foundUnknown    = "container-unknown"
	foundIDs        = "container-ids"
	foundWay        = "way-around"
	foundWeak       = "weakening"
	foundAbsent     = "container-absent"
	foundNoEvidence = "no-evidence"
	foundOrphan     = "orphan"
	foundClaim      = "claim"
	foundOther      = "other-container"
	foundDenied     = "processes-unread"
	foundRelease    = "release-too-old"
	foundDeep       = "content"
)

// assess draws the findings from what was seen. It is pure.
func (v *Verification) assess(e Expect) {
	for _, item := range v.Items {
		if item.Health != checkup.Healthy {
			v.find(item.Health, foundItem, item.Name, item.Seen, cmp.Or(item.Remedy, "sudo runsc-provisioner plan, which says what is in the way"))
		}
	}
	v.assessDeep()
	for _, verdict := range v.Report.Verdicts {
		v.assessContainer(e, verdict)
	}
	v.assessAbsent(e)
	if sandboxed, _, _ := v.Report.Count(); e.Some && sandboxed == 0 {
		v.find(checkup.Warning, foundNoEvidence, "containers", "none runs in a sandbox, so nothing was shown", "start one, or do not --expect some")
	}
	if e.Weakening {
		v.assessRuntimes()
	}
	if v.Wanted != "" {
		v.assessRelease(e, v.Wanted, "release", "sudo runsc-provisioner apply --release=latest --upgrade")
	}
	v.assessStrays(e)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(b.Health, a.Health) })
}

func (v *Verification) find(health checkup.Health, code, object, seen, remedy string) {
	v.Findings = append(v.Findings, Finding{Health: health, Code: code, Object: object, Seen: seen, Remedy: remedy})
}

func (v *Verification) assessDeep() {
	for _, look := range v.Deep {
		object := "release " + look.Name
		if !look.State.Intact() {
			remedy := checkup.ApplyRemedy + ", which puts it back; containers that run from it are to be started anew"
			if look.Name != v.Wanted {
				remedy = "start the containers that run from it anew, if there are any, then " + checkup.ApplyRemedy + ", which removes it"
			}
			v.find(checkup.Critical, foundDeep, object, look.State.Reason, remedy)
		}
		if look.Archive != "" {
			v.find(checkup.Critical, foundDeep, object, look.Archive, "sudo runsc-provisioner apply --release="+look.Name+" fetches it anew once its directory and archive are removed")
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

func (v *Verification) assessContainer(e Expect, verdict verify.Verdict) {
	c := verdict.Container
	object := "container " + verify.Printable(c.Name)
	v.assessSandbox(e, verdict, object)
	if health := v.remapHealth(verdict); health != checkup.Healthy {
		seen, remedy := "its ids are not those it should have: "+verdict.Remap.String(), "create it anew"
		switch health {
		case checkup.Warning:
			seen, remedy = "its root is the host's root (--userns=host)", "create it anew without that to have it remapped"
		case checkup.Unsure:
			seen, remedy = "whose ids it has could not be read", "run it as root: sudo runsc-provisioner verify"
		}
		v.find(health, foundIDs, object, seen, remedy)
	}
	ours := v.Sandboxes || v.Managed[c.Runtime] || e.expected(c) != ""
	for _, way := range verdict.Ways {
		switch {
		case !way.Grave, way.What == "--userns=host" && !(v.Remapped && e.WaysAround):
			// Without userns-remap it gives nothing, and with it there is the
			// finding about its ids.
		case e.WaysAround:
			v.find(checkup.Critical, foundWay, object, way.What+" gives "+way.Gives, "create it anew without "+way.What)
		case ours:
			v.find(checkup.Warning, foundWay, object, way.What+" gives "+way.Gives, "create it anew without "+way.What)
		}
	}
	if e.Weakening {
		for _, w := range verdict.Weaknesses {
			v.find(checkup.Critical, foundWeak, object, w.Setting+": "+w.Gives, weakRemedy(w, c.Runtime))
		}
	}
	if verdict.State == verify.Sandboxed {
		v.assessRelease(e, verdict.Release, object, "restart it: a container that is started runs from the release that its runtime names then")
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

func (v *Verification) assessSandbox(e Expect, verdict verify.Verdict, object string) {
	c := verdict.Container
	asked := e.expected(c)
	explain := "sudo runsc-provisioner verify --explain " + verify.Printable(c.Name)
	switch verdict.State {
	case verify.Sandboxed:
	case verify.NotSandboxed:
		why := v.whyOutside(verdict)
		v.Outside[c.ID] = why
		switch {
		case v.Managed[c.Runtime]:
			v.find(checkup.Critical, foundOutside, object, "not in a sandbox: "+why, "stop it, then "+explain)
		case asked != "":
			v.find(checkup.Critical, foundOutside, object, "not in a sandbox ("+asked+"): "+why, "create it anew"+v.inSandbox())
		case v.Sandboxes:
			v.find(checkup.Warning, foundOutside, object, "not in a sandbox: "+why, "create it anew to have it in a sandbox")
		}
	default:
		if c.Unread != nil {
			v.find(checkup.Unsure, foundUnknown, object, "not known: "+verdict.Why(), "sudo docker inspect "+verify.Printable(c.Name)+" shows what dockerd says of it: create it anew with less")
			return
		}
		v.find(checkup.Unsure, foundUnknown, object, "not known: "+verdict.Why(), "run it as root on the host; "+explain+" says what was not read")
	}
}

func (v *Verification) inSandbox() string {
	if v.Sandboxes {
		return ", without --runtime"
	}
	return ", with --runtime=runsc"
}

// whyOutside says how a container came to be outside.
func (v *Verification) whyOutside(verdict verify.Verdict) string {
	c := verdict.Container
	if v.Managed[c.Runtime] {
		return verdict.Why()
	}
	name := verify.Printable(c.Runtime)
	switch {
	case !v.Sandboxes:
		return "created with runtime " + name + ", and no sandbox is the default"
	case !v.Written.IsZero() && !c.Created.IsZero() && c.Created.Before(v.Written):
		return fmt.Sprintf("created with runtime %s on %s, before daemon.json was last written (%s): before the default was changed, or by --runtime",
			name, c.Created.UTC().Format(time.DateTime), v.Written.UTC().Format(time.DateTime))
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

func (v *Verification) assessAbsent(e Expect) {
	for _, name := range e.Containers {
		if v.Report.Unasked {
			v.find(checkup.Unsure, foundUnknown, "container "+verify.Printable(name), "whether it runs is not known: dockerd was not asked", "look again when Docker runs: systemctl status "+host.DockerUnit)
			continue
		}
		if !slices.ContainsFunc(v.Report.Verdicts, func(one verify.Verdict) bool { return matches(name, one.Container) }) {
			v.find(checkup.Critical, foundAbsent, "container "+verify.Printable(name), "does not run, or was started or stopped during the look", "docker ps -a shows what became of it")
		}
	}
}

// assessRelease compares a release with the oldest that is expected.
func (v *Verification) assessRelease(e Expect, name, object, remedy string) {
	got, err := release.ParseLabel(name)
	if err != nil {
		if e.MinRelease != "" || e.MaxAge > 0 {
			v.find(checkup.Unsure, foundRelease, object, "release "+verify.Printable(name)+" has no date that is understood", remedy)
		}
		return
	}
	if e.MinRelease != "" {
		if least, err := release.ParseLabel(e.MinRelease); err == nil && got.Compare(least) < 0 {
			v.find(checkup.Critical, foundRelease, object, "release "+name+" is older than "+e.MinRelease, remedy)
		}
	}
	if age := v.At.Sub(got.Date()); e.MaxAge > 0 && age > e.MaxAge {
		v.find(checkup.Critical, foundRelease, object, fmt.Sprintf("release %s is %d days old, more than %d", name, days(age), days(e.MaxAge)), remedy)
	}
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
