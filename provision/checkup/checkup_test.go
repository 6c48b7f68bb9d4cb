package checkup

import (
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

func TestFault_X05_CheckupOfARuntime(t *testing.T) {
	with := func(args string) string {
		return `{"runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["` + args + `"]}}}`
	}
	for _, test := range []struct {
		name   string
		host   seen.Host
		failed bool
		since  string
		want   Health
	}{
		{name: "proven, and the store was mounted differently since", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}, since: "boot 8", want: Warning},
		{name: "proven before a reboot", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}, since: "another"},
		{name: "proven", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}},
		{name: "never proven", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)), NeverProven: true}, want: Warning},
		{name: "failed", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}, failed: true, want: Critical},
		{name: "other arguments in the file", host: seen.Host{File: with("--a"), Engine: seen.Dockerd(with("--b"))}, want: Warning},
		{name: "not an installed release", host: seen.Host{File: seen.Registered(seen.Newer), Engine: seen.Dockerd(`{"runtimes":{"runsc":{"path":"/bin/runsc"}}}`)}, want: Critical},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.host.Releases = []string{seen.Newer}
			o := test.host.Observed(t)
			if test.failed {
				o.FailedProofs = map[string]bool{state.ProofKey(seen.Intact(seen.Newer).ManifestDigest, []string{verify.KeepWrites, verify.ForgetFiles}, o.Engine.Version, o.BootAndMount, false, verify.WritesKept): true}
			}
			if test.since != "" {
				o.BootAndMount = test.since
			}
			items := RuntimeItems(config.Default(), o)
			if len(items) != 1 || items[0].Name != "runtime runsc" || items[0].Health != test.want {
				t.Errorf("got %+v, want runtime runsc %s", items, test.want)
			}
		})
	}
}
