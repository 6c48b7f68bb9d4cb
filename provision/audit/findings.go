package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// The codes of findings, for programs.
const (
	codeHost            = "host"
	codeOutside         = "container-outside"
	codeUnknown         = "container-unknown"
	codeIDs             = "container-ids"
	codeWayAround       = "way-around"
	codeWeakening       = "weakening"
	codeWrites          = "container-writes"
	codeAbsent          = "container-absent"
	codeNotStarted      = "container-not-started"
	codeNoEvidence      = "no-evidence"
	codeOrphan          = "orphan"
	codeClaim           = "claim"
	codeOtherContainer  = "other-container"
	codeProcessesUnread = "processes-unread"
	codeReleaseTooOld   = "release-too-old"
	codeContent         = "content"
)

// checkAll adds the findings that follow from what was seen. It is pure.
func (v *Verification) checkAll(e Expect) {
	for _, item := range v.Items {
		if item.Health != checkup.Healthy {
			v.addFinding(item.Health, codeHost, item.Name, item.Seen, cmp.Or(item.Remedy, "sudo runsc-provisioner plan shows what blocks it"))
		}
	}
	v.checkContent()
	for _, verdict := range v.Report.Verdicts {
		v.checkContainer(e, verdict)
	}
	v.checkAbsent(e)
	v.checkNotStarted()
	if sandboxed, _, _ := v.Report.Count(); e.Some && sandboxed == 0 {
		v.addFinding(checkup.Warning, codeNoEvidence, "containers", "none runs in a sandbox, so nothing was proven", "start one, or leave out --expect some")
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

const packageRemedy = "install the package again with the package manager; then restart the containers that run from it"

func (v *Verification) checkContent() {
	for _, look := range v.Deep {
		object := "release " + look.Name
		if !look.State.Intact() && !look.Packaged {
			remedy := checkup.ApplyRemedy + ", which puts it back; then restart the containers that run from it"
			if look.Name != v.WantedRelease {
				remedy = "restart the containers that run from it, if any; then " + checkup.ApplyRemedy + ", which removes it"
			}
			v.addFinding(checkup.Critical, codeContent, object, look.State.Reason, remedy)
		}
		switch {
		case look.Packaged && (!look.State.Intact() || look.Archive != ""):
			v.addFinding(checkup.Critical, codeContent, object, cmp.Or(look.Archive, look.State.Reason), packageRemedy)
		case look.Archive != "":
			v.addFinding(checkup.Critical, codeContent, object, look.Archive, "remove its directory and its archive; then sudo runsc-provisioner apply --release="+look.Name+" fetches it again")
		}
	}
}

// expected returns the option that demands a sandbox for the container; "" if
// none does.
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
		// A label can only demand a sandbox, so labels that could not be read count as set.
		if got, ok := c.Labels[key]; ok && (!has || got == value) || c.LabelsCut {
			return "--require-sandbox label=" + label
		}
	}
	return ""
}

// matches reports whether name is the name of c, or starts its ID with at least
// the twelve digits that docker ps shows.
func matches(name string, c verify.Container) bool {
	const short = 12
	return name == c.Name || len(name) >= short && strings.HasPrefix(c.ID, name)
}

func (v *Verification) checkContainer(e Expect, verdict verify.Verdict) {
	c := verdict.Container
	object := "container " + verify.Printable(c.Name)
	v.checkSandbox(e, verdict, object)
	v.checkWrites(verdict, object)
	if health := v.remapHealth(verdict); health != checkup.Healthy {
		seen, remedy := "it has the wrong ids: "+verdict.Remap.String(), "create it again"
		switch health {
		case checkup.Warning:
			seen, remedy = "its root is the host's root (--userns=host)", "create it again without --userns=host to have it remapped"
		case checkup.Unsure:
			seen, remedy = "its ids could not be read", "run it as root: sudo runsc-provisioner verify"
		}
		v.addFinding(health, codeIDs, object, seen, remedy)
	}
	ours := v.SandboxByDefault || v.Managed[c.Runtime] || e.expected(c) != ""
	for _, way := range verdict.Ways {
		switch {
		case !way.Grave, way.What == "--userns=host" && !(v.Remapped && e.WaysAround):
			// Without userns-remap --userns=host gives nothing. With it, the finding
			// about ids says so.
		case e.WaysAround:
			v.addFinding(checkup.Critical, codeWayAround, object, way.What+" gives "+way.Gives, "create it again without "+way.What)
		case ours:
			v.addFinding(checkup.Warning, codeWayAround, object, way.What+" gives "+way.Gives, "create it again without "+way.What)
		}
	}
	if e.Weakening {
		for _, w := range verdict.Weaknesses {
			if v.ofRuntime(c.Runtime, w) {
				continue // checkRuntimes says it once, for all containers of the runtime
			}
			v.addFinding(checkup.Critical, codeWeakening, object, w.Setting+": "+w.Gives, weakRemedy(w, c.Runtime))
		}
	}
	if verdict.State == verify.Sandboxed {
		v.checkRelease(e, verdict.Release, object, "restart it: a container runs from the release that its runtime names when it starts")
	}
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
			v.addFinding(checkup.Critical, codeOutside, object, "not in a sandbox ("+asked+"): "+why, "create it again"+v.inSandbox()+v.cost(c))
		case v.SandboxByDefault:
			v.addFinding(checkup.Warning, codeOutside, object, "not in a sandbox: "+why, "create it again to have it in a sandbox"+v.cost(c))
		}
	default:
		if c.Unread != nil {
			v.addFinding(checkup.Unsure, codeUnknown, object, "unknown: "+verdict.Why(), "sudo docker inspect "+verify.Printable(c.Name)+" shows its description: create it again with a smaller one")
			return
		}
		v.addFinding(checkup.Unsure, codeUnknown, object, doubtSeen(verdict), v.doubtRemedy(verdict.Doubt, c, explain))
	}
}

// doubtRemedy says how to find out whether a container runs in a sandbox.
func (v *Verification) doubtRemedy(d verify.Doubt, c verify.Container, explain string) string {
	name := verify.Printable(c.Runtime)
	switch d {
	case verify.DoubtShim:
		return "register runtime " + name + " by the path of its program (the release's runsc) in daemon.json, reload Docker, and docker restart " + verify.Printable(c.Name)
	case verify.DoubtUnregistered:
		if v.Managed[c.Runtime] {
			return checkup.ApplyRemedy + ", which registers the runtime again"
		}
		return "register runtime " + name + " again"
	case verify.DoubtRelease:
		return "docker restart " + verify.Printable(c.Name) + " starts it from the release that its runtime names now"
	case verify.DoubtPackage:
		return checkup.ApplyRemedy + ", which compares the files of the package"
	default:
		return "run verify as root on the host; " + explain + " shows what was not read"
	}
}

// doubtSeen says why a container is unknown.
func doubtSeen(verdict verify.Verdict) string {
	if verdict.Doubt == verify.DoubtRelease {
		return strings.TrimPrefix(verdict.Why(), verify.CheckExecutable+": ")
	}
	return "unknown: " + verdict.Why()
}

func (v *Verification) inSandbox() string {
	if v.SandboxByDefault {
		return " without --runtime"
	}
	return " with --runtime=" + v.Sandbox
}

// cost says what a container lacks once it was created again in a sandbox.
func (v *Verification) cost(c verify.Container) string {
	var texts []string
	sandbox := difference.Runtime{Name: v.Sandbox, Args: v.SandboxArgs, Remapped: v.Remapped, KeepsNames: v.KeepsNames}
	for _, lack := range sandbox.Lacks(difference.Container{Container: c}) {
		if lack.Text != "" {
			texts = append(texts, lack.Text)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return "; it then has " + strings.Join(texts, ", ")
}

// explainOutside says why a container runs outside a sandbox.
func (v *Verification) explainOutside(verdict verify.Verdict) string {
	c := verdict.Container
	if v.Managed[c.Runtime] {
		return verdict.Why()
	}
	name := verify.Printable(c.Runtime)
	switch {
	case !v.SandboxByDefault:
		return "created with runtime " + name + ", and the default runtime is not a sandbox"
	case !v.DaemonJSONWritten.IsZero() && !c.Created.IsZero() && c.Created.Before(v.DaemonJSONWritten):
		return fmt.Sprintf("created with runtime %s on %s, before daemon.json was last written (%s): before the default runtime changed, or with --runtime",
			name, c.Created.UTC().Format(time.DateTime), v.DaemonJSONWritten.UTC().Format(time.DateTime))
	default:
		return "created with --runtime=" + name
	}
}

// remapHealth judges the ids of a container. One that opted out with
// --userns=host is a warning. Any other that is not remapped is critical, if
// dockerd remaps.
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
			v.addFinding(checkup.Unsure, codeUnknown, "container "+verify.Printable(name), "unknown whether it runs: dockerd was not asked", "verify again when Docker runs: systemctl status "+host.DockerUnit)
			continue
		}
		if !slices.ContainsFunc(v.Report.Verdicts, func(one verify.Verdict) bool { return matches(name, one.Container) }) {
			v.addFinding(checkup.Critical, codeAbsent, "container "+verify.Printable(name), "does not run, or started or stopped while verify ran", "docker ps -a shows its state")
		}
	}
}

// checkRelease compares a release with the oldest that e accepts.
func (v *Verification) checkRelease(e Expect, name, object, remedy string) {
	got, err := release.ParseLabel(name)
	if err != nil {
		if e.MinRelease != "" || e.MaxAge > 0 {
			v.addFinding(checkup.Unsure, codeReleaseTooOld, object, "release "+verify.Printable(name)+" has no valid date", remedy)
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
