package plan

import (
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/test/seen"
)

// A run that a person started ends with 4. The daemon says that it waits.
func TestFault_X20_OnlyAPersonIsToldThatDockerIsStopped(t *testing.T) {
	stopped := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer)}
	for _, opts := range []Options{{}, {Unattended: &Unattended{MaxDisruption: config.DisruptionRestart}}} {
		p, err := New(config.Default(), stopped.Observed(t), opts)
		if want := opts.Unattended == nil; err != nil || !p.Empty() || (len(p.Held) == 1) != want {
			t.Errorf("unattended %t: got %+v, %v, want it held: %t", opts.Unattended != nil, p, err, want)
		}
	}
}
