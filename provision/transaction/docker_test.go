package transaction

import (
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/dockerhost"
)

const (
	oldText     = dockerhost.OldText
	newText     = dockerhost.NewText
	defaultText = dockerhost.DefaultText
	remapText   = dockerhost.RemapText
	mergedText  = dockerhost.MergedText
)

var runtimes = config.Default().RuntimeNames()

// hostWithDockerd is the Docker of dockerhost.New.
func hostWithDockerd(t *testing.T, text string) (*Docker, *dockerhost.Dockerd, host.Observed) {
	t.Helper()
	h, fake, o := dockerhost.New(t, text)
	return &Docker{Host: &h, Jobs: fake, ConfirmWithin: 3 * time.Second}, fake, o
}

// switching is the Docker of dockerhost.NewRemapping.
func switching(t *testing.T, refuses string, edit func(string) string) (*Docker, *dockerhost.Remapping, host.Observed, plan.Plan) {
	t.Helper()
	h, f, o, p := dockerhost.NewRemapping(t, refuses, edit)
	return &Docker{Host: &h, Jobs: f, ConfirmWithin: 3 * time.Second}, f, o, p
}
