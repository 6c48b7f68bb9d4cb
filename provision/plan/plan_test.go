package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/test/seen"
)

// brief is a step in one line.
func brief(step steps.Step) string {
	switch s := step.(type) {
	case steps.InstallRelease:
		return fmt.Sprintf("install %s (%s)", s.Spec.Version, s.Why)
	case steps.Prove:
		return strings.TrimSpace(fmt.Sprintf("prove %s as %s %s", s.Release, s.Runtime, strings.Join(s.Args, " ")))
	case steps.ProveInDocker:
		return strings.TrimSpace(fmt.Sprintf("prove %s through Docker as %s %s", s.Release, s.Runtime, strings.Join(s.Args, " ")))
	case steps.Restart:
		return "restart " + s.Unit
	case steps.Link:
		return fmt.Sprintf("link %s", s.Release)
	case steps.WriteDaemonJSON:
		return "write " + s.What
	case steps.Reload:
		return "reload " + s.Unit
	case steps.Confirm:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
			r := s.Runtimes[name]
			parts = append(parts, strings.Join(append([]string{name + "=" + r.Path}, r.Args...), " "))
		}
		if s.Default != "" {
			parts = append(parts, "default="+s.Default)
		}
		if s.Remap != config.RemapAny {
			parts = append(parts, "remap="+string(s.Remap))
		}
		return "confirm " + strings.Join(parts, ", ")
	case steps.RemoveRelease:
		return "remove " + s.Name
	case steps.WriteBuilds:
		what := "program"
		if s.DropIn {
			what = "drop-in"
		}
		if s.New == nil {
			return "remove build " + what
		}
		return "write build " + what
	case steps.ConfirmBuilds:
		return fmt.Sprintf("confirm builds %t", s.Uses)
	case steps.ProveBuild:
		return "prove " + s.Release + " by a build"
	default:
		return fmt.Sprintf("%T", step)
	}
}

// planned is a Plan in short form. File is daemon.json after it.
type planned struct {
	Steps       []string
	File        string
	Held        []string
	Warnings    []string
	Provisional bool
}

func summary(t *testing.T, o host.Observed, p Plan) planned {
	t.Helper()
	s := planned{Warnings: p.Warnings, Provisional: p.Provisional, File: string(o.File.Bytes)}
	for _, step := range p.Steps {
		s.Steps = append(s.Steps, brief(step))
		write, ok := step.(steps.WriteDaemonJSON)
		if !ok {
			continue
		}
		if string(write.Old) != s.File {
			t.Errorf("%s: got it written over %s, want over the text at that point: %s", brief(step), write.Old, s.File)
		}
		s.File = string(write.New)
	}
	for _, held := range p.Held {
		s.Held = append(s.Held, held.What)
	}
	return s
}

func checkPlan(t *testing.T, c config.Config, h seen.Host, opts Options, want planned) {
	t.Helper()
	o := h.Observed(t)
	plan, err := New(c, o, opts)
	if err != nil {
		t.Fatalf("got error %v, want a plan", err)
	}
	got := summary(t, o, plan)
	if want.File == "" {
		want.File = h.File
	}
	got.File, want.File = strings.Join(strings.Fields(got.File), ""), strings.Join(strings.Fields(want.File), "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	settles(t, c, o, opts)
}

// settles carries out plans in memory until they are empty: the second apply must find nothing to do.
func settles(t *testing.T, c config.Config, o host.Observed, opts Options) {
	t.Helper()
	for round := range 8 {
		plan, err := New(c, o, opts)
		if err != nil {
			t.Fatalf("round %d: got error %v, want a plan", round, err)
		}
		if plan.Empty() {
			return
		}
		if round == 2 {
			t.Fatalf("after two rounds: got the steps %q, want none", summary(t, o, plan).Steps)
		}
		o.Before = Recorded(c, o, plan, opts, time.Unix(2, 0).UTC())
		for _, step := range plan.Steps {
			o = carriedOut(t, o, step)
			if plan.Provisional {
				break
			}
		}
		opts.Upgrade = false
	}
}

// carriedOut is o after step succeeded.
func carriedOut(t *testing.T, o host.Observed, step steps.Step) host.Observed {
	t.Helper()
	switch s := step.(type) {
	case steps.InstallRelease:
		name := s.Spec.Version
		if !s.Spec.Exact() {
			name = seen.Newer
		}
		others := slices.DeleteFunc(slices.Clone(o.Releases), func(r release.Installed) bool { return r.Name == name })
		o.Releases = append(others, seen.Intact(name))
	case steps.Link:
		o.Link.Kind, o.Link.Release, o.Link.Target = release.LinkOurs, s.Release, s.Target
	case steps.WriteDaemonJSON:
		o.File = seen.DaemonJSON(t, string(s.New))
		o.Before = o.Before.AfterWrite(o.File.Path, o.File.Doc)
	case steps.Reload:
		o.Engine = seen.Reloaded(*o.Engine, o.File.Doc)
		o.Loaded.Reloaded = host.OptionDigests("", o.File.Doc)
	case steps.WriteBuilds:
		b := *o.BuildKit
		if s.DropIn {
			b.DropIn.Text, b.DropIn.BadMode = s.New, false
		} else {
			b.Program.Text, b.Program.BadMode = s.New, false
		}
		o.BuildKit = &b
	case steps.ProveBuild:
		o.Proofs = maps.Clone(o.Proofs)
		o.Proofs[state.BuildProofKey("digest of "+s.Release, s.Args, o.Engine.Version, o.BootAndMount, o.Engine.UsernsRemap, s.Program)] = true
	case steps.Restart:
		if o.BuildKit != nil {
			b := *o.BuildKit
			b.Environment = dropInEnvironment(b.DropIn.Text)
			o.BuildKit = &b
		}
		o.Loaded = state.Loaded{Started: host.OptionDigests("", o.File.Doc)}
		o.Engine = seen.Reloaded(engine.Info{Version: o.Engine.Version, DefaultRuntime: "runc", RootDir: dataroot.Of(*o.Engine)}, o.File.Doc)
		if _, o.Engine.UsernsRemap = o.File.Doc.UsernsRemap(); o.Engine.UsernsRemap {
			own := subid.Account{Name: "dockremap", UID: 999}
			o.Engine.RootDir = RemappedRoot(o.Engine.RootDir, subid.Grant{UIDs: subid.Of(o.IDs.UIDs.Ranges, own), GIDs: subid.Of(o.IDs.GIDs.Ranges, own)})
		}
	case steps.ProveInDocker:
		o.Proofs = maps.Clone(o.Proofs)
		o.Proofs[state.PastProofKey("digest of "+s.Release, s.Args, o.BootAndMount)] = true
		o.Proofs[state.ProofKey("digest of "+s.Release, s.Args, o.Engine.Version, o.BootAndMount, o.Engine.UsernsRemap, s.Writes)] = true
	case steps.Confirm:
		if err := s.Missing(*o.Engine); err != nil {
			t.Fatalf("%s: %v", brief(step), err)
		}
	case steps.RemoveRelease:
		o.Releases = slices.DeleteFunc(slices.Clone(o.Releases), func(r release.Installed) bool { return r.Name == s.Name })
	}
	return o
}
