package main

import (
	"context"
	"time"

	"runsc-provisioner/provision/host"
)

// noUnits stands for a systemd that is out of reach, as in a container.
type noUnits struct{ err error }

func (u noUnits) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{}, u.err
}
func (u noUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return nil, u.err
}
