package audit

import (
	"errors"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// container is a verdict on one of a host's containers.
func containerVerdict(name, runtime string, state verify.State) verify.Verdict {
	v := verify.Verdict{Container: verify.Container{ID: strings.Repeat("a", 60) + "0001", Name: name, Runtime: runtime, Labels: map[string]string{"untrusted": "yes"}}, State: state}
	if state == verify.Sandboxed {
		v.Release = "20260914.0"
	}
	return v
}

func TestAssess(t *testing.T) {
	in, out := containerVerdict("web", "runsc", verify.Sandboxed), containerVerdict("old", "runc", verify.NotSandboxed)
	fake, dim := containerVerdict("fake", "runsc", verify.NotSandboxed), containerVerdict("dim", "runsc", verify.Unknown)
	dark, cut := containerVerdict("dark", "", verify.Unknown), out
	dark.Container.Unread, dark.Container.UIDMap = errors.New("answer too large"), []verify.IDRange{{Inside: 0, Outside: 1, Length: 1}}
	cut.Container.Labels, cut.Container.LabelsCut = nil, true
	weak, open := in, out
	weak.Weaknesses = []verify.Weakness{{Setting: "--network=host", Gives: "x", Where: "/info", Source: "y"}}
	ids := in
	ids.Container.UsernsMode, ids.Remap, ids.Ways = "host", verify.RemapHost, []verify.Way{{What: "--userns=host", Gives: "ids", Grave: true}}
	open.Ways = []verify.Way{{What: "--privileged", Gives: "all", Grave: true}, {What: "-v /srv:/srv", Gives: "little"}}
	for _, tt := range []struct {
		name     string
		verdicts []verify.Verdict
		plain    bool // no sandbox is the default
		expect   Expect
		change   func(*Verification)
		want     string // health and codes
	}{
		{name: "V05: no container", want: "ok"},
		{name: "V05: no container, asked", expect: Expect{Some: true}, want: "warning no-evidence"},
		{name: "one in a sandbox", verdicts: []verify.Verdict{in}, expect: Expect{Some: true, All: true, Containers: []string{"web"}}, want: "ok"},
		{name: "V04: outside where a sandbox is the default", verdicts: []verify.Verdict{in, out}, want: "warning container-outside"},
		{name: "V04: outside where none is", verdicts: []verify.Verdict{out}, plain: true, want: "ok"},
		{name: "V04: all expected", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{All: true}, want: "critical container-outside"},
		{name: "V04: by name", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Containers: []string{"old"}}, want: "critical container-outside"},
		{name: "V04: by the beginning of the ID", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Containers: []string{"aaaaaaaaaaaa"}}, want: "critical container-outside"},
		{name: "by too little of an ID", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Containers: []string{"aaaa"}}, want: "critical container-absent"},
		{name: "another by name", verdicts: []verify.Verdict{in, out}, plain: true, expect: Expect{Containers: []string{"web"}}, want: "ok"},
		{name: "by label", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Labels: []string{"untrusted"}}, want: "critical container-outside"},
		{name: "by label and value", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Labels: []string{"untrusted=yes"}}, want: "critical container-outside"},
		{name: "another value", verdicts: []verify.Verdict{out}, plain: true, expect: Expect{Labels: []string{"untrusted=no"}}, want: "ok"},
		{name: "absent", verdicts: []verify.Verdict{in}, expect: Expect{Containers: []string{"db"}}, want: "critical container-absent"},
		{name: "ours by name, and not in a sandbox", verdicts: []verify.Verdict{fake}, plain: true, want: "critical container-outside"},
		{name: "V06: unknown", verdicts: []verify.Verdict{dim, in}, want: "unknown container-unknown"},
		{name: "V09: unreadable", verdicts: []verify.Verdict{dark, in}, change: func(v *Verification) { v.Remapped = true }, want: "unknown container-unknown"},
		{name: "V09: labels that are not read, outside", verdicts: []verify.Verdict{cut}, plain: true, expect: Expect{Labels: []string{"untrusted"}}, want: "critical container-outside"},
		{name: "labels that are not read, and none is asked for", verdicts: []verify.Verdict{cut}, plain: true, want: "ok"},
		{name: "critical is worse than unknown", verdicts: []verify.Verdict{dim, fake}, want: "critical container-outside container-unknown"},
		{name: "V06: processes not read", change: func(v *Verification) { v.Report.Denied = 3 }, want: "unknown processes-unread"},
		{name: "V08: an orphan", change: func(v *Verification) { v.Report.Orphans, v.Report.OrphanCount = []verify.Sandbox{{PID: 7}}, 1 }, want: "warning orphan"},
		{name: "V01: claims", change: func(v *Verification) { v.Report.Claims = []verify.Sandbox{{PID: 7}} }, want: "warning claim"},
		{name: "another engine's", change: func(v *Verification) { v.Report.Others = []verify.Other{{ID: "x", Processes: 1}} }, want: "warning other-container"},
		{name: "another engine's, in a sandbox", change: func(v *Verification) { v.Report.Others = []verify.Other{{ID: "x", Processes: 2, Sandboxed: 2}} }, want: "ok"},
		{name: "V01: another engine's, all of a release's files, all expected", expect: Expect{All: true}, change: func(v *Verification) { v.Report.Others = []verify.Other{{ID: "x", Processes: 2, Sandboxed: 2}} }, want: "unknown other-container"},
		{name: "V01: another engine's, with one process of a release", expect: Expect{All: true}, change: func(v *Verification) { v.Report.Others = []verify.Other{{ID: "x", Processes: 3, Sandboxed: 2}} }, want: "critical other-container"},
		{name: "V01: thousands of orphans", change: func(v *Verification) {
			v.Report.Orphans, v.Report.OrphanCount = make([]verify.Sandbox, 1024), 5000
		}, want: "warning" + strings.Repeat(" orphan", 11)},
		{name: "another engine's, all expected", plain: true, expect: Expect{All: true}, change: func(v *Verification) { v.Report.Others = []verify.Other{{ID: "x", Processes: 1}} }, want: "critical other-container"},
		{name: "E02: sandboxes while dockerd is down", expect: Expect{Containers: []string{"web"}}, change: func(v *Verification) {
			v.Report = verify.NewUnaskedReport(verify.Survey{Sandboxes: []verify.Sandbox{{PID: 7}}, Others: []verify.Other{{ID: "x", Engine: "docker", Processes: 1}}})
		}, want: "unknown container-unknown container-unknown"},
		{name: "weakened", verdicts: []verify.Verdict{weak}, want: "ok"},
		{name: "weakened, which fails", verdicts: []verify.Verdict{weak}, expect: Expect{Weakening: true}, want: "critical weakening"},
		{name: "V04: a way around", verdicts: []verify.Verdict{open}, want: "warning container-outside way-around"},
		{name: "V04: a way around where no sandbox is wanted", verdicts: []verify.Verdict{open}, plain: true, want: "ok"},
		{name: "V04: a way around, which fails", verdicts: []verify.Verdict{open}, plain: true, expect: Expect{WaysAround: true}, want: "critical way-around"},
		{name: "the host's ids without userns-remap", verdicts: []verify.Verdict{ids}, expect: Expect{WaysAround: true}, want: "ok"},
		{name: "the host's ids", verdicts: []verify.Verdict{ids}, change: func(v *Verification) { v.Remapped = true }, want: "warning container-ids"},
		{name: "the host's ids, which fails", verdicts: []verify.Verdict{ids}, expect: Expect{WaysAround: true}, change: func(v *Verification) { v.Remapped = true }, want: "critical way-around container-ids"},
		{name: "a runtime that would weaken, expected not to", expect: Expect{Weakening: true}, change: func(v *Verification) { v.RuntimeWeaknesses = map[string][]verify.Weakness{"runsc": weak.Weaknesses} }, want: "critical weakening"},
		{name: "a runtime that would weaken", change: func(v *Verification) { v.RuntimeWeaknesses = map[string][]verify.Weakness{"runsc": weak.Weaknesses} }, want: "ok"},
		{name: "new enough", verdicts: []verify.Verdict{in}, expect: Expect{MinRelease: "20260914.0", MaxAge: 100 * 24 * time.Hour}, want: "ok"},
		{name: "too old", verdicts: []verify.Verdict{in}, expect: Expect{MinRelease: "20260921"}, want: "critical release-too-old"},
		{name: "too old in days", verdicts: []verify.Verdict{in}, expect: Expect{MaxAge: 30 * 24 * time.Hour}, want: "critical release-too-old"},
		{name: "files that differ", change: func(v *Verification) {
			v.Deep = []release.Inspection{{State: release.State{Reason: "x"}, Archive: "y"}}
		}, want: "critical content content"},
		{name: "an item", change: func(v *Verification) { v.Items = []checkup.Item{{Name: "dockerd", Health: checkup.Unsure}} }, want: "unknown host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Verification{Managed: map[string]bool{"runsc": true}, SandboxByDefault: !tt.plain, WhyOutside: map[string]string{}, At: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
			v.Report.Verdicts = tt.verdicts
			if tt.change != nil {
				tt.change(&v)
			}
			v.checkAll(tt.expect)
			got := v.Health().String()
			for _, f := range v.Findings {
				got += " " + f.Code
				if f.Remedy == "" || f.Object == "" || f.Seen == "" && f.Code != codeHost {
					t.Errorf("%+v: a failing line says what, of what, and what to do", f)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWhyOutside(t *testing.T) {
	written := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	v := Verification{Managed: map[string]bool{"runsc": true}, SandboxByDefault: true, DaemonJSONWritten: written}
	one := containerVerdict("old", "runc", verify.NotSandboxed)
	one.Container.Created = written.Add(-time.Hour)
	if got := v.explainOutside(one); !strings.Contains(got, "before the default runtime changed") {
		t.Errorf("created before: got %q", got)
	}
	one.Container.Created = written.Add(time.Hour)
	if got := v.explainOutside(one); got != "created with --runtime=runc" {
		t.Errorf("created after: got %q", got)
	}
}

// A remedy says what works for that container, and what it costs.
func TestRemediesOfContainers(t *testing.T) {
	base := Verification{Managed: map[string]bool{"runsc": true}, SandboxByDefault: true, Sandbox: "runsc", WhyOutside: map[string]string{}}
	out, plain := containerVerdict("old", "runc", verify.NotSandboxed), base
	out.Container.HostNamespaces, out.Container.Network = []string{"network"}, "web"
	plain.SandboxByDefault = false
	lets := base
	lets.SandboxArgs = []string{"--network=host"}
	dim := func(runtime string, doubt verify.Doubt) verify.Verdict {
		v := containerVerdict("dim", runtime, verify.Unknown)
		v.Doubt = doubt
		return v
	}
	for name, tt := range map[string]struct {
		v      Verification
		one    verify.Verdict
		expect Expect
		has    []string
		lacks  []string
	}{
		"outside":                    {base, out, Expect{}, []string{"create it again", "--network=host", "network web"}, nil},
		"outside, host network kept": {lets, out, Expect{}, []string{"create it again"}, []string{"--network=host", "network web"}},
		"outside by default":         {plain, out, Expect{All: true}, []string{"--runtime=runsc", "--network=host"}, nil},
		"outside, nothing lost":      {base, containerVerdict("old", "runc", verify.NotSandboxed), Expect{}, []string{"create it again"}, []string{";"}},
		"not readable":               {base, dim("runsc", verify.DoubtUnread), Expect{}, []string{"as root"}, nil},
		"adopted":                    {base, dim("runsc", verify.DoubtRelease), Expect{}, []string{"docker restart dim"}, []string{"as root"}},
		"a shim":                     {base, dim("gv", verify.DoubtShim), Expect{}, []string{"runtime gv by the path", "docker restart dim"}, []string{"as root"}},
		"ours is gone":               {base, dim("runsc", verify.DoubtUnregistered), Expect{}, []string{checkup.ApplyRemedy}, []string{"as root"}},
		"another is gone":            {base, dim("gv", verify.DoubtUnregistered), Expect{}, []string{"register runtime gv"}, []string{"as root"}},
	} {
		tt.v.Findings, tt.v.Report.Verdicts = nil, []verify.Verdict{tt.one}
		tt.v.checkAll(tt.expect)
		if len(tt.v.Findings) != 1 {
			t.Errorf("%s: got %+v, want one finding", name, tt.v.Findings)
			continue
		}
		remedy := tt.v.Findings[0].Remedy
		for _, text := range tt.has {
			if !strings.Contains(remedy, text) {
				t.Errorf("%s: got %q, want %q in it", name, remedy, text)
			}
		}
		for _, text := range tt.lacks {
			if strings.Contains(remedy, text) {
				t.Errorf("%s: got %q, want no %q in it", name, remedy, text)
			}
		}
	}
}
