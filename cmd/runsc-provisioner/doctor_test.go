package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"runsc-provisioner/provision"
)

func TestAnyHost_ASystemdThatHangsIsNotWaitedFor(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, &provision.NoAnswer{Within: 20 * time.Millisecond})
	defer cancel()
	a := &app{systemd: func(ctx context.Context) (unitsCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	host, done := a.anyHost(ctx)
	defer done()
	_, err := host.Units.Unit(t.Context(), provision.DockerUnit)
	var silent *provision.NoAnswer
	if !errors.As(err, &silent) || err.Error() != "no answer within 20ms" {
		t.Errorf("got %v, want no answer within 20ms", err)
	}
}
