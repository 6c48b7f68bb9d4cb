package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"runsc-provisioner/provision/host"
)

func TestHostEvenWithoutSystemd_DoesNotWaitForASystemdThatHangs(t *testing.T) {
	a := &app{systemd: func(ctx context.Context) (unitsCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	for _, tt := range []struct{ callers, want time.Duration }{
		{time.Second, time.Second},
		{time.Hour, host.AnswerWithin},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), tt.callers, &host.NoAnswer{Within: tt.callers})
			defer cancel()
			h, done := a.hostEvenWithoutSystemd(ctx)
			defer done()
			_, err := h.Units.Unit(t.Context(), host.DockerUnit)
			var silent *host.NoAnswer
			if !errors.As(err, &silent) || silent.Within != tt.want {
				t.Errorf("the caller waits for %s: got %v, want no answer within %s", tt.callers, err, tt.want)
			}
		})
	}
}
