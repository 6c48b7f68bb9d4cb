package main

import (
	"cmp"
	"fmt"

	"runsc-provisioner/provision/config"
)

// pinned says why --upgrade finds no newer release, if the configuration names the release.
func pinned(in config.InEffect, upgrade bool) []string {
	spec := in.Config.Spec()
	source := cmp.Or(in.Sources["release.version"], "built in")
	const newest = "for the newest release: sudo runsc-provisioner apply --release=latest --upgrade"
	switch {
	case !upgrade:
		return nil
	case spec.Exact():
		return []string{fmt.Sprintf("gVisor is pinned to release %s (release.version, %s), "+
			"so --upgrade looks for nothing; %s", spec.Version, source, newest)}
	case spec.Version != "latest":
		return []string{fmt.Sprintf("gVisor is pinned to release %s (release.version, %s), "+
			"so --upgrade looks only for its point releases; %s", spec.Version, source, newest)}
	case len(spec.SHA512) > 0:
		return []string{"gVisor is pinned by its digest (release.sha512), so --upgrade refuses other releases: " +
			"put in the digests of the newer release, or remove them"}
	}
	return nil
}
