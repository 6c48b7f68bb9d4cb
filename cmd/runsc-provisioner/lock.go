package main

import (
	"context"
	"errors"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/state"
)

// quietWait is how long a run waits for another one before it says so. A round of the daemon takes less.
const quietWait = time.Second

// lock waits up to timeout for the lock of host, as its Lock does. After quietWait it says what it waits for.
func (a *app) lock(ctx context.Context, host *provision.Provisioner, timeout time.Duration) (unlock func() error, err error) {
	unlock, err = host.Lock(ctx, min(timeout, quietWait))
	if !errors.Is(err, state.ErrLocked) || timeout <= quietWait {
		return unlock, err
	}
	a.complain("another runsc-provisioner is changing this host; waiting up to %s for it to end\n", timeout)
	if s, err := readStatus(statusPath(a)); err == nil && daemon.Suspended(s) {
		a.complain("%s\n", suspended(s))
	}
	return host.Lock(ctx, timeout-quietWait)
}

// lockedHost is host, once it has the lock. The returned function lets both go.
func (a *app) lockedHost(ctx context.Context, timeout time.Duration) (*provision.Provisioner, func(), error) {
	host, done, err := a.host(ctx)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := a.lock(ctx, host, timeout)
	if err != nil {
		done()
		return nil, nil, err
	}
	return host, func() {
		_ = unlock() // the work is done by then
		done()
	}, nil
}
