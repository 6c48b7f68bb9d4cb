package plan

import (
	"errors"
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
)

func TestNew_ReleaseThatTheHostWentBackFrom(t *testing.T) {
	runs := func(name string, releases ...string) seen.Host {
		text := seen.Registered(name)
		return seen.Host{Releases: releases, Link: name, File: text, Engine: seen.Dockerd(text), Withdrawn: []string{seen.Newer}, Proven: []string{"runsc"}}
	}
	pinned := func(c *config.Config) { c.Release.Version = seen.Newer }
	auto := unattended(config.DisruptionReload)
	auto.Upgrade = true
	held := []string{"release " + seen.Newer}
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		opts   Options
		want   planned
	}{
		{name: "latest: the older one satisfies it", host: runs(seen.Older, seen.Newer, seen.Older)},
		{name: "the daemon too", host: runs(seen.Older, seen.Newer, seen.Older), opts: unattended(config.DisruptionReload)},
		{name: "it was removed since", host: runs(seen.Older, seen.Older)},
		{
			name: "a person asks for a newer one", host: runs(seen.Older, seen.Newer, seen.Older), opts: Options{Upgrade: true},
			want: planned{Steps: []string{"install latest (if newer than " + seen.Older + ")"}, Provisional: true},
		},
		{name: "pinned: held", config: pinned, host: runs(seen.Older, seen.Newer, seen.Older), want: planned{Held: held}},
		{name: "pinned, and removed since: held, and not fetched", config: pinned, host: runs(seen.Older, seen.Older), want: planned{Held: held}},
		{name: "pinned, and no other release: held", config: pinned, host: runs(seen.Newer, seen.Newer), want: planned{Held: held}},
		{
			name: "the daemon looks for a newer one of the date", host: runs(seen.Older, seen.Newer, seen.Older), opts: auto,
			config: func(c *config.Config) { c.Release.Version = seen.Newer[:8] },
			want:   planned{Steps: []string{"install " + seen.Newer[:8] + " (if newer than " + seen.Older + ")"}, Held: held, Provisional: true},
		},
		{
			name: "pinned, and named by a person: used", config: pinned, host: runs(seen.Older, seen.Newer, seen.Older), opts: Options{Named: true},
			want: planned{
				Steps: []string{
					"link " + seen.Newer, "write runsc runs " + seen.RunscPath(seen.Newer) + " instead of " + seen.RunscPath(seen.Older),
					"reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer),
				},
				File: seen.Registered(seen.Newer),
			},
		},
		{
			name: "pinned, removed, and named by a person: fetched", config: pinned, host: runs(seen.Older, seen.Older), opts: Options{Named: true, NoProof: true},
			want: planned{
				Steps: []string{
					"install " + seen.Newer + " (not installed)", "link " + seen.Newer, "write runsc runs " + seen.RunscPath(seen.Newer) + " instead of " + seen.RunscPath(seen.Older),
					"reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer),
				},
				File: seen.Registered(seen.Newer), Warnings: []string{"no proof: with --no-proof, nothing shows that containers start in a sandbox"},
			},
		},
		{
			name: "it is removed before the one to go back to", host: runs(seen.Older, seen.Newer, seen.Older, seen.Oldest),
			want: planned{Steps: []string{"remove " + seen.Newer}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			if test.config != nil {
				test.config(&c)
			}
			checkPlan(t, c, test.host, test.opts, test.want)
		})
	}
}

// The daemon's own step waits as long as the configuration says; that of a person does not.
func TestNew_AutomaticUpgrade(t *testing.T) {
	text := seen.Registered(seen.Older)
	h := seen.Host{Releases: []string{seen.Older}, Link: seen.Older, File: text, Engine: seen.Dockerd(text)}
	c := config.Default()
	c.Release.UpgradeAfter = 5
	auto := unattended(config.DisruptionReload)
	auto.Upgrade = true
	for _, test := range []struct {
		name string
		opts Options
		want steps.InstallRelease
	}{
		{"the daemon", auto, steps.InstallRelease{Auto: true, After: 5}},
		{"a person", Options{Upgrade: true}, steps.InstallRelease{Asked: true, After: 5}},
	} {
		p, err := New(c, h.Observed(t), test.opts)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Steps, func(s steps.Step) bool { return s.Kind().Action == "install" })
		if i < 0 {
			t.Fatalf("%s: got %v", test.name, p.Steps)
		}
		if got := p.Steps[i].(steps.InstallRelease); got.Auto != test.want.Auto || got.Asked != test.want.Asked || got.After != test.want.After {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestNew_OlderReleaseByName(t *testing.T) {
	runs := func(name string) seen.Host {
		text := seen.Registered(name)
		return seen.Host{Releases: []string{seen.Newer, seen.Older}, Link: name, File: text, Engine: seen.Dockerd(text), Proven: []string{"runsc"}}
	}
	for _, test := range []struct {
		version, used string
		opts          Options
		refused       bool
	}{
		{seen.Older, seen.Newer, Options{Named: true}, true},
		{seen.Older[:8], seen.Newer, Options{Named: true}, true},
		{seen.Oldest, seen.Newer, Options{Named: true}, true}, // not installed
		{seen.Older, seen.Newer, Options{Named: true, AllowDowngrade: true}, false},
		{seen.Older, seen.Newer, Options{}, false}, // a file names it
		{seen.Older, seen.Newer, unattended(config.DisruptionReload), false},
		{seen.Newer, seen.Older, Options{Named: true}, false},
		{seen.Newer, seen.Newer, Options{Named: true}, false},
		{seen.Newer[:8], seen.Newer, Options{Named: true}, false},
		{seen.Newer[:8], seen.Newer, Options{Named: true, Upgrade: true}, false},
		{seen.Older, seen.Older, Options{Named: true}, false},
	} {
		c := config.Default()
		c.Release.Version = test.version
		_, err := New(c, runs(test.used).Observed(t), test.opts)
		var older *release.OlderError
		if errors.As(err, &older) != test.refused || err != nil && !test.refused {
			t.Errorf("%s, with %s in use and %+v: got %v, want it refused: %v", test.version, test.used, test.opts, err, test.refused)
		}
	}
}

func TestNew_WarnsOfAReleaseThatWasNotSigned(t *testing.T) {
	text := seen.Registered(seen.Newer)
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text)}
	for _, test := range []struct {
		has, wanted string
		warns       bool
	}{
		{release.TrustChecksum, release.TrustSigned, true}, {release.TrustTwoSources, release.TrustSigned, true},
		{release.TrustSigned, release.TrustSigned, false}, {release.TrustChecksum, release.TrustChecksum, false},
		{release.TrustSigned, release.TrustChecksum, false},
	} {
		c, o := config.Default(), h.Observed(t)
		c.Release.Trust, o.Releases[0].Manifest.Trust = test.wanted, test.has
		p, err := New(c, o, Options{})
		if err != nil || len(p.Steps) > 0 || len(p.Warnings) > 0 != test.warns {
			t.Errorf("%s, and %s is wanted: got steps %v, warnings %q, %v", test.has, test.wanted, p.Steps, p.Warnings, err)
		}
	}
}
