// Package audit reports which containers of this host run in a sandbox, which ways
// lead around it, and what differs from what is expected, with a remedy for each
// finding. It relies on what package verify sees on the host, never on what a
// container says, and it changes nothing.
package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/distro"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/naming"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/verify"
)

// Expect is what the user expects of a host beyond its configuration. The zero
// Expect adds nothing.
type Expect struct {
	All        bool          // every running container is in a sandbox
	Some       bool          // at least one is
	Containers []string      // these, by name or ID, run in a sandbox
	Labels     []string      // containers with the label KEY or KEY=VALUE run in a sandbox
	MinRelease string        // no container runs from an older release, and the configuration wants none
	MaxAge     time.Duration // the same for a release older than this; 0 accepts any age
	Weakening  bool          // no sandbox is weakened
	WaysAround bool          // no container has a grave way around it
	Deep       bool          // read every file of every release
}

// Validate returns an error if MinRelease is no release, MaxAge is negative, or a
// label has no key.
func (e Expect) Validate() error {
	if e.MinRelease != "" {
		if _, err := release.ParseLabel(e.MinRelease); err != nil {
			return err
		}
	}
	if e.MaxAge < 0 {
		return fmt.Errorf("maximum age %s is negative", e.MaxAge)
	}
	for _, label := range e.Labels {
		if key, _, _ := strings.Cut(label, "="); key == "" {
			return fmt.Errorf("label %q has no key", label)
		}
	}
	return nil
}

// Verification is what was seen on a host, and the findings that follow from it.
type Verification struct {
	Items    []checkup.Item
	Report   verify.Report
	Findings []Finding // none is ok; the worst comes first
	// Builds says where dockerd's builders run steps; nil if dockerd was not asked.
	Builds []Build
	// Notes are hints that do not change the health.
	Notes []string
	// Managed are the configured runtimes. SandboxByDefault is true if the
	// configured default runtime is one of them, and Remapped if dockerd gives
	// containers ids of their own.
	Managed          map[string]bool
	SandboxByDefault bool
	Remapped         bool
	// Sandbox is the runtime that puts a container in a sandbox, and SandboxArgs are its arguments.
	Sandbox       string
	SandboxArgs   []string
	KeepsNames    bool              // names of other containers are kept for its containers
	WhyOutside    map[string]string // why a container is outside, by its ID
	WantedRelease string            // the installed release that the configuration wants, or ""
	Deep          []release.Inspection
	// RuntimeWeaknesses are those of the next sandbox of a runtime, by its name.
	RuntimeWeaknesses map[string][]verify.Weakness
	// Writes shows for each configured runtime whether Docker sees the changes that
	// containers make to their root file system. It is empty if dockerd was not asked.
	Writes []checkup.RuntimeWrites
	// NotStarted are containers that stayed down because dockerd did not find their runtime; NotStartedErr is why
	// they are unknown.
	NotStarted    []host.NotStarted
	NotStartedErr error
	// DaemonJSONWritten is when daemon.json was last written; zero if unknown.
	DaemonJSONWritten time.Time
	At                time.Time
}

// Finding is one thing that differs from what is expected, and its remedy.
type Finding struct {
	Health checkup.Health `json:"status"`
	Code   string         `json:"code"`   // for programs: "container-outside"
	Object string         `json:"object"` // "daemon.json", "container web"
	Seen   string         `json:"seen"`
	Remedy string         `json:"remedy"`
}

// Health is the worst health of all findings.
func (v Verification) Health() checkup.Health {
	worst := checkup.Healthy
	for _, f := range v.Findings {
		worst = max(worst, f.Health)
	}
	return worst
}

// Verify looks at the host and all its containers. If systemd cannot be reached,
// as in a container, it uses /proc and dockerd's socket. Its errors are those of
// Host.Observe, or a *blocked.Unreachable if dockerd does not answer.
func Verify(ctx context.Context, h *host.Host, c config.Config, e Expect) (Verification, error) {
	return verifyWith(ctx, h, c, e, true, func(o host.Observed) (verify.Report, error) { return Report(ctx, h, c, o) })
}

// VerifyOne is Verify for one container, by its name or the beginning of its ID. It
// looks at no other container. If that one does not run, the error is a
// *blocked.Refused.
func VerifyOne(ctx context.Context, h *host.Host, c config.Config, e Expect, name string) (Verification, error) {
	e.Containers, e.Some = nil, false
	return verifyWith(ctx, h, c, e, false, func(o host.Observed) (verify.Report, error) {
		if o.Engine == nil {
			return verify.Report{}, &blocked.Unreachable{Object: "dockerd", Err: errors.New("it is not running, so none of its containers is known to run")}
		}
		client, err := h.Dial(o.Flags)
		if err != nil {
			return verify.Report{}, err
		}
		defer client.Close()
		id, found, err := client.Lookup(ctx, name)
		if err != nil {
			return verify.Report{}, blocked.DockerdSilent(err)
		}
		if found {
			report, err := ReportOn(ctx, h, c, o, []string{id})
			if err != nil || len(report.Verdicts) == 1 {
				return report, err
			}
		}
		return verify.Report{}, blocked.Refuse("container "+verify.Printable(name), "does not run; docker ps lists those that do")
	})
}

// verifyWith looks at the host and, with look, at its running containers; with stopped, also at the others.
func verifyWith(ctx context.Context, h *host.Host, c config.Config, e Expect, stopped bool, look func(host.Observed) (verify.Report, error)) (Verification, error) {
	o, err := h.Observe(ctx, c)
	observeErr := err
	if err != nil {
		o, err = observePartly(ctx, h, c, err)
	}
	if err != nil {
		return Verification{}, err
	}
	v := Verification{Managed: map[string]bool{}, WhyOutside: map[string]string{}, At: time.Now()}
	for _, name := range c.RuntimeNames() {
		v.Managed[name] = true
	}
	v.SandboxByDefault = v.Managed[c.Docker.DefaultRuntime]
	v.Sandbox, v.KeepsNames = sandboxRuntime(c), c.Docker.Names == config.NamesMaintain
	if o.Engine != nil {
		v.SandboxArgs = o.Engine.Runtimes[v.Sandbox].Args
	}
	v.Remapped = o.Engine != nil && o.Engine.UsernsRemap
	if info, err := os.Stat(o.File.Path); err == nil {
		v.DaemonJSONWritten = info.ModTime()
	}
	if observeErr != nil {
		v.Items = partialItems(c, o, observeErr)
	} else if v.Items, err = checkup.Items(c, o); err != nil {
		return Verification{}, err
	}
	if observeErr == nil { // else no proof was looked for
		v.Writes = checkup.WritesInEffect(c, o)
	}
	if _, found := release.NewestSatisfying(o.Releases, c.Spec()); found {
		v.WantedRelease = plan.NewGoal(c, o).Current.Name
	}
	if e.Deep {
		for _, r := range slices.Concat(o.Releases, o.EarlierReleases) {
			if r.Manifest.Package != nil && !r.State.Intact() {
				continue // the package manager has put other files in their place
			}
			deep, err := inspect(ctx, h, r)
			if err != nil {
				return Verification{}, err
			}
			v.Deep = append(v.Deep, deep)
		}
	}
	if v.Report, err = look(o); err != nil {
		return Verification{}, err
	}
	if err := fillWays(ctx, h, o, &v.Report); err != nil {
		return Verification{}, err
	}
	partial := false
	if stopped {
		v.NotStarted, partial, v.NotStartedErr = h.NotStarted(ctx, o, c.RuntimeNames())
	}
	if v.RuntimeWeaknesses, err = runtimeWeaknesses(ctx, h, c, o); err != nil {
		return Verification{}, err
	}
	v.Builds, v.Notes = builds(h, c, v, o), notes(c, o)
	v.Report = withoutSteps(v.Report, v.Builds)
	if partial && v.NotStartedErr == nil {
		v.Notes = append(v.Notes, checkup.StoppedUnseen)
	}
	if item, some := naming.Item(ctx, h, c, o); some && stopped {
		if item.Health == checkup.Healthy && c.Docker.Names != config.NamesMaintain {
			v.Notes = append(v.Notes, item.Name+": "+item.Seen)
		} else {
			v.Items = append(v.Items, item)
		}
	}
	v.checkAll(e)
	return v, nil
}

// inspect reads every file of a release. Those of a package are compared with what its manager recorded, too.
func inspect(ctx context.Context, h *host.Host, r release.Installed) (release.Inspection, error) {
	deep, err := h.StoreOf(r.Dir).Inspect(ctx, r.Name)
	if deep.Packaged = r.Manifest.Package != nil; err == nil && deep.Packaged && deep.State.Intact() {
		if deep.Archive, err = (distro.Source{Owner: h.Owner}).Differs(ctx, r); err != nil && ctx.Err() == nil {
			deep.Archive, err = "it cannot be compared with what the package manager recorded: "+err.Error(), nil
		}
	}
	return deep, err
}

// sandboxRuntime is the runtime of ours that puts a new container into a sandbox: the default runtime if it is ours.
func sandboxRuntime(c config.Config) string {
	names := c.RuntimeNames()
	for _, name := range []string{c.Docker.DefaultRuntime, config.DefaultRuntimeName} {
		if slices.Contains(names, name) {
			return name
		}
	}
	return slices.Concat(names, []string{config.DefaultRuntimeName})[0]
}

// notes are the hints that verify prints once.
func notes(c config.Config, o host.Observed) []string {
	g := plan.NewGoal(c, o)
	var all []string
	for _, name := range c.RuntimeNames() {
		if text := runtimes.DescribeLoss(c, name, g.Arguments(name)); text != "" && !o.BeforeUnreadable {
			all = append(all, text)
		}
	}
	if text := g.ClassicBuildWarning(); text != "" {
		all = append(all, text)
	}
	if o.SnapRuns {
		all = append(all, plan.SnapWarning)
	}
	return all
}

// AddConfig adds an item and a finding for err, an error of the configuration that
// the host was verified with: InEffect.Err, or the error of InEffect itself.
func (v *Verification) AddConfig(h *host.Host, err error) {
	item, code := checkup.ConfigItemWithCode(h, err)
	if item.Health == checkup.Healthy {
		return
	}
	v.Items = append([]checkup.Item{item}, v.Items...)
	found := Finding{Health: item.Health, Code: code, Object: item.Name, Seen: item.Seen, Remedy: item.Remedy}
	v.Findings = append([]Finding{found}, v.Findings...)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(b.Health, a.Health) })
}
