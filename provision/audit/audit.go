// Package audit puts the question of `verify` to this host: which containers run in a
// sandbox, what leads around it, and what is not as expected, with a remedy for each
// finding. It goes by what package verify sees on the host, never by what a container
// says, and changes nothing.
package audit

import (
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
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Expect is what somebody who verifies a host expects of it, beyond what its
// configuration wants. The zero Expect adds nothing.
type Expect struct {
	All        bool          // every running container is in a sandbox
	Some       bool          // at least one is
	Containers []string      // these run, by name or ID, and are in a sandbox
	Labels     []string      // so are those with the label: KEY, or KEY=VALUE
	MinRelease string        // no container runs from an older release, nor is one wanted
	MaxAge     time.Duration // nor from one whose date is further back; 0 is any
	Weakening  bool          // no sandbox is weakened
	WaysAround bool          // no container has a grave way around it
	Deep       bool          // every file of every release is read
}

// Validate refuses what cannot be expected.
func (e Expect) Validate() error {
	if e.MinRelease != "" {
		if _, err := release.ParseLabel(e.MinRelease); err != nil {
			return err
		}
	}
	if e.MaxAge < 0 {
		return fmt.Errorf("an age of %s", e.MaxAge)
	}
	for _, label := range e.Labels {
		if key, _, _ := strings.Cut(label, "="); key == "" {
			return fmt.Errorf("%q is no label", label)
		}
	}
	return nil
}

// Verification is what was found of a host, and what is to be made of it.
type Verification struct {
	Items    []checkup.Item
	Report   verify.Report
	Findings []Finding // that are not ok, the worst first
	// Notes are worth knowing once and change no health.
	Notes []string
	// Managed are the runtimes that are ours; Sandboxes is true where one of
	// them is to be the default; Remapped where containers get ids of their own.
	Managed          map[string]bool
	SandboxByDefault bool
	Remapped         bool
	WhyOutside       map[string]string // why a container is outside, by its ID
	WantedRelease    string            // the release that is installed and wanted; or ""
	Deep             []release.DeepLook
	// Weak is what would be weakened in the next sandbox of a runtime, by its name.
	RuntimeWeaknesses map[string][]verify.Weakness
	// Writes says of each runtime that is ours what becomes of the changes that
	// containers make to their root file system, where dockerd was asked.
	Writes []checkup.RuntimeWrites
	// Written is when daemon.json was last written: zero is not known.
	DaemonJSONWritten time.Time
	At                time.Time
}

// Finding is one thing that is not as it should be, and what to do.
type Finding struct {
	Health checkup.Health `json:"status"`
	Code   string         `json:"code"`   // for programs: "container-outside"
	Object string         `json:"object"` // "daemon.json", "container web"
	Seen   string         `json:"seen"`
	Remedy string         `json:"remedy"`
}

// Health is the worst of everything that was found.
func (v Verification) Health() checkup.Health {
	worst := checkup.Healthy
	for _, f := range v.Findings {
		worst = max(worst, f.Health)
	}
	return worst
}

// Verify looks at the host and all its containers, and changes nothing. Where
// systemd is out of reach, as in a container, it goes by /proc and dockerd's
// socket. Errors are Observe's.
func Verify(ctx context.Context, h *host.Host, c config.Config, e Expect) (Verification, error) {
	return verifyWith(ctx, h, c, e, func(o host.Observed) (verify.Report, error) { return Report(ctx, h, c, o) })
}

// VerifyOne is Verify of one container, by its name or the beginning of its ID:
// it looks at no others. The error is a *blocked.Refused where none runs of that name.
func VerifyOne(ctx context.Context, h *host.Host, c config.Config, e Expect, name string) (Verification, error) {
	e.Containers, e.Some = nil, false
	return verifyWith(ctx, h, c, e, func(o host.Observed) (verify.Report, error) {
		if o.Engine == nil {
			return verify.Report{}, &blocked.Unreachable{Object: "dockerd", Err: errors.New("it does not run, and so no container does that it knows of")}
		}
		client, err := h.Dial(o.Flags)
		if err != nil {
			return verify.Report{}, blocked.DockerdSilent(err)
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

func verifyWith(ctx context.Context, h *host.Host, c config.Config, e Expect, look func(host.Observed) (verify.Report, error)) (Verification, error) {
	o, err := h.Observe(ctx, c)
	without := err
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
	v.Remapped = o.Engine != nil && o.Engine.UsernsRemap
	if info, err := os.Stat(o.File.Path); err == nil {
		v.DaemonJSONWritten = info.ModTime()
	}
	if without != nil {
		v.Items = partialItems(c, o, without)
	} else if v.Items, err = checkup.Items(c, o); err != nil {
		return Verification{}, err
	}
	if without == nil { // else no proof was looked for
		v.Writes = checkup.WritesInEffect(c, o)
	}
	if installed, found := plan.NewestSatisfying(o.Releases, c.Spec()); found {
		v.WantedRelease = installed.Name
	}
	if e.Deep {
		for _, r := range o.Releases {
			deep, err := h.Store().Deep(ctx, r.Name)
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
	if v.RuntimeWeaknesses, err = runtimeWeaknesses(h, c, o); err != nil {
		return Verification{}, err
	}
	v.Notes = notes(c, v, o)
	v.checkAll(e)
	return v, nil
}

// notes are the things that are told once.
func notes(c config.Config, v Verification, o host.Observed) []string {
	g := plan.NewGoal(c, o)
	var all []string
	for _, name := range c.RuntimeNames() {
		if text := plan.DescribeLoss(c, name, g.Arguments(name)); text != "" && !o.Unread {
			all = append(all, text)
		}
	}
	if text := g.ClassicBuildWarning(); text != "" {
		all = append(all, text)
	}
	set := slices.ContainsFunc(o.Unit.Environment, func(s string) bool { return strings.HasPrefix(s, engine.BuildKitCommand+"=") })
	if !v.SandboxByDefault || set || o.Engine == nil {
		return all
	}
	return append(all, "`docker build` by BuildKit runs its steps with runc, outside any sandbox, whatever the default runtime is; "+
		"the classic builder follows the default runtime (docs/verification.md, Builds)")
}
