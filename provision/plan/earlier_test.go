package plan

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
)

const earlierStore = "/opt/gvisor"

// earlierRelease is an intact release in a store that is no longer configured.
func earlierRelease(name string) release.Installed {
	r := seen.Intact(name)
	r.Dir = filepath.Join(earlierStore, name)
	r.Runsc = filepath.Join(r.Dir, "runsc")
	return r
}

func planWith(t *testing.T, o host.Observed, opts Options) (Plan, []string) {
	t.Helper()
	p, err := New(config.Default(), o, opts)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, step := range p.Steps {
		all = append(all, brief(step))
	}
	return p, all
}

func TestFault_X10_ANewStoreIsNoUpgrade(t *testing.T) {
	o := seen.Host{File: `{"runtimes":{"runsc":{"path":"/opt/gvisor/` + seen.Older + `/runsc"}}}`, Engine: seen.Dockerd("")}.Observed(t)
	o.EarlierStores, o.EarlierReleases = []string{earlierStore}, []release.Installed{earlierRelease(seen.Older)}
	o.EarlierInUse = map[string]bool{}
	for _, upgrade := range []bool{false, true} {
		p, all := planWith(t, o, Options{Upgrade: upgrade})
		if got := p.Steps[0].(steps.InstallRelease).Spec.Version; (got == seen.Older) == upgrade {
			t.Errorf("upgrade %v: got %s installed", upgrade, got)
		}
		if slices.Contains(all, "remove "+seen.Older) {
			t.Errorf("upgrade %v: got %q, want the earlier release left until Docker has left it", upgrade, all)
		}
	}
}

func TestFault_X10_EarlierPlacesGoOnceNothingUsesThem(t *testing.T) {
	const text = `{"runtimes":{"runsc":{"path":"` + seen.Store + "/" + seen.Newer + `/runsc","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`
	for _, test := range []struct {
		name   string
		change func(*host.Observed)
		want   string // steps
	}{
		{"unused", func(*host.Observed) {}, "[steps.Unlink remove " + seen.Older + "]"},
		{"a process runs from it", func(o *host.Observed) { o.EarlierInUse[earlierRelease(seen.Older).Dir] = true }, "[steps.Unlink]"},
		{"a read-only file system", func(o *host.Observed) {
			o.CannotWrite = map[string]string{earlierStore: "read-only", "/opt/bin": "read-only"}
		}, "[]"},
		{"a link that cannot be removed leads there", func(o *host.Observed) { o.CannotWrite = map[string]string{"/opt/bin": "read-only"} }, "[]"},
		{"another runtime of daemon.json runs it", func(o *host.Observed) {
			o.File = seen.DaemonJSON(t, strings.Replace(text, `{"runtimes":{`, `{"runtimes":{"mine":{"path":"/opt/gvisor/`+seen.Older+`/runsc"},`, 1))
			o.Engine = seen.Reloaded(*o.Engine, o.File.Doc)
		}, "[steps.Unlink]"},
	} {
		o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text)}.Observed(t)
		o.EarlierStores, o.EarlierReleases = []string{earlierStore}, []release.Installed{earlierRelease(seen.Older)}
		o.EarlierLinks = []release.LinkState{{Kind: release.LinkOurs, Path: "/opt/bin/runsc", Release: seen.Older, Target: earlierRelease(seen.Older).Runsc}}
		o.EarlierInUse = map[string]bool{}
		test.change(&o)
		p, all := planWith(t, o, Options{NoProof: true})
		if got := fmt.Sprint(all); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if len(all) < 2 && len(p.Warnings) == 0 {
			t.Errorf("%s: got no word on what stays", test.name)
		}
	}
}

func TestFault_X10_ALinkThatCannotBeMadeIsAWarning(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*host.Observed, *Options)
		warns  bool
		links  bool
	}{
		{"it can", func(*host.Observed, *Options) {}, false, true},
		{"a read-only directory", func(o *host.Observed, _ *Options) {
			o.CannotWrite = map[string]string{filepath.Dir(o.Link.Path): "read-only"}
		}, true, false},
		{"it failed before", func(_ *host.Observed, opts *Options) { opts.NoLink = "no space" }, true, false},
		{"none is configured", func(o *host.Observed, _ *Options) { o.Link.Path = "" }, false, false},
	} {
		o := seen.Host{Releases: []string{seen.Newer}, Engine: seen.Dockerd("")}.Observed(t)
		opts := Options{}
		test.change(&o, &opts)
		p, all := planWith(t, o, opts)
		warns := slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "[paths]") })
		if slices.Contains(all, "link "+seen.Newer) != test.links || warns != test.warns || len(all) == 0 {
			t.Errorf("%s: got %q, %q", test.name, all, p.Warnings)
		}
	}
}
