package plan

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// Rejecting is an installed release that is not used, because its runsc rejects arguments of the runtimes.
type Rejecting struct {
	Release   string
	Arguments []string // that it rejects
	Reason    string   // the arguments and their runtimes, and the release that stays in use
	Remedy    string   // what the user can do; may be empty
}

// Held is r as a part of a plan.
func (r Rejecting) Held() steps.Held {
	why := r.Reason
	if r.Remedy != "" {
		why += "; " + r.Remedy
	}
	return steps.Held{What: "release " + r.Release, Why: why, Arguments: redact.Rejected(r.Arguments)}
}

// Rejecting is the wanted release, if it rejects arguments; otherwise nil. Current is then the release
// that Docker uses.
func (g Goal) Rejecting() *Rejecting { return g.rejecting }

// holdRejecting keeps the runtimes at the release that Docker uses, if the current release is known to reject
// their arguments. Without such a release, nothing can stay as it is: then the proof says what is wrong.
func (g *Goal) holdRejecting() {
	if len(g.Observed.Rejected) == 0 {
		return
	}
	all := g.rejections()
	if len(all) == 0 {
		return
	}
	others := slices.DeleteFunc(release.IntactOf(g.Observed.Releases), func(r release.Installed) bool {
		return r.Name == g.Current.Name
	})
	if used, found := g.inDocker(others); found {
		g.rejecting = &Rejecting{Release: g.Current.Name, Reason: reasonOf(all, used), Remedy: g.remedyOf(all, used)}
		for _, r := range all {
			for _, arg := range r.args {
				if !slices.Contains(g.rejecting.Arguments, arg) {
					g.rejecting.Arguments = append(g.rejecting.Arguments, arg)
				}
			}
		}
		g.Current = used
	}
}

// rejection is what the current release rejects of one runtime.
type rejection struct {
	runtime string
	args    []string
}

// shown are the arguments, without secrets.
func (r rejection) shown() string { return strings.Join(redact.Rejected(r.args), ", ") }

func (g Goal) rejections() []rejection {
	var all []rejection
	for _, name := range g.uncontestedNames() {
		if args := g.rejectedOf(g.argsOf(name)); len(args) > 0 {
			all = append(all, rejection{name, args})
		}
	}
	return all
}

// rejectedOf are those of args that the current release is known to reject.
func (g Goal) rejectedOf(args []string) []string {
	var rejected []string
	for i := range args {
		// The value of a flag may be the next argument.
		for _, argument := range []string{args[i], strings.Join(args[i:min(i+2, len(args))], " ")} {
			if g.Observed.Rejected[state.RejectionKey(g.Current.ManifestDigest, argument)] && !slices.Contains(rejected, argument) {
				rejected = append(rejected, argument)
				break
			}
		}
	}
	return rejected
}

// reasonOf says which arguments the current release rejects.
func reasonOf(all []rejection, used release.Installed) string {
	var parts []string
	for _, r := range all {
		noun := "argument"
		if len(r.args) > 1 {
			noun += "s"
		}
		parts = append(parts, "the "+noun+" "+r.shown()+" of runtime "+r.runtime)
	}
	return "it rejects " + strings.Join(parts, " and ") + ", so " + used.Name + " stays in use"
}

// remedyOf says how to get on to the current release, and how to stay at the one in use.
func (g Goal) remedyOf(all []rejection, used release.Installed) string {
	var places, ways []string
	for _, r := range all {
		if place := g.placeOf(r); place != "" {
			places = append(places, r.shown()+" from "+place)
		}
	}
	if len(places) > 0 {
		ways = append(ways, "to use it, remove "+strings.Join(places, " and "))
	}
	pinned := g.Config.Spec()
	if pinned.Version = used.Name; pinned.Validate() == nil && used.Satisfies(pinned) {
		ways = append(ways, fmt.Sprintf("to stay, set version = %q in [release]", used.Name))
	}
	return strings.Join(ways, "; ")
}

// placeOf is where a user removes the arguments of r; "" if only this program adds them (rootfs).
func (g Goal) placeOf(r rejection) string {
	configured := g.Config.Docker.Runtimes[r.runtime].Args
	given := func(arg string) bool {
		return len(verify.RootfsArgs([]string{arg})) == 0 || slices.Contains(configured, arg)
	}
	switch {
	case !slices.ContainsFunc(r.args, given):
		return ""
	case configured == nil:
		return "runtimeArgs of " + r.runtime + " in " + g.Observed.File.Path
	default:
		return "args in [docker.runtimes." + r.runtime + "]"
	}
}
