package main

import (
	"context"
	"errors"
	"os"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/lab"
)

const (
	selfInHost = "/usr/local/lib/runsc-provisioner-bench/bench"
	// mostMemory is the aim for the peak memory of an installation, in bytes.
	mostMemory = 64 << 20
	hostRoots  = "/etc/ssl/certs/ca-certificates.crt"
)

// signedRows measures the installation of a signed release into a fresh store, beside apt-get with the same package from
// the same server.
func signedRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench-signed",
		Binary: built.product,
		Binds: []lab.Bind{
			{Source: built.timer, Target: timerInHost, ReadOnly: true}, {Source: self, Target: selfInHost, ReadOnly: true},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	repo := host.ServeSigned(ctx, inrelease.Panics{}, version)
	const url = "https://" + lab.ReleaseHost + "/gvisor/releases"
	const setup = `cp ` + lab.SignedTree + `/archive.key /etc/apt/keyrings/bench.asc
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [signed-by=/etc/apt/keyrings/bench.asc] ` + url + ` release main' >/etc/apt/sources.list.d/bench.list
printf 'APT::Sandbox::User "root";\nAcquire::https::CAInfo "` + hostRoots + `";\nAPT::Update::Error-Mode "any";\n' >/etc/apt/apt.conf.d/99bench
mkdir /var/tmp/scratch`
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", setup}}); err != nil {
		return nil, err
	}
	result, err := raceInHost(ctx, host, []string{timerInHost}, compare(p, "/var/tmp/scratch",
		race.Entrant{Argv: append([]string{selfInHost, installChild, url, hostRoots}, repo.Keys.Pinned()...), Want: version},
		race.Entrant{
			Before: []string{"sh", "-euc", "dpkg --purge runsc; rm -rf /var/lib/apt/lists/* /var/cache/apt/*"},
			Argv:   []string{"sh", "-euc", "apt-get -q update && apt-get -q -y install runsc"}, Want: "Setting up runsc (" + version + ")",
		},
	))
	if err != nil {
		return nil, err
	}
	return wallAndMemory("install a signed release, beside apt-get update and install", result, aim{ofRatio, 1}, aim{ofValue, mostMemory})
}
