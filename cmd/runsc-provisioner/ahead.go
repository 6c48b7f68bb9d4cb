package main

import (
	"context"

	"runsc-provisioner/provision/blocked"
)

// ahead is a connection to systemd that is made while the command does something
// else: process 1 takes a moment to answer.
type ahead struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when units and err are set
	units  unitsCloser
	err    error
}

// connectAhead begins to connect. The caller closes it.
func (a *app) connectAhead(ctx context.Context) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	w := &ahead{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.units, w.err = a.systemd(ctx)
	}()
	return w
}

// wait waits for the connection. The error is a *blocked.Unreachable.
func (w *ahead) wait() (unitsCloser, error) {
	<-w.done
	if w.err != nil {
		return nil, blocked.SystemdSilent(w.err)
	}
	return w.units, nil
}

// close gives the connection up, or closes it.
func (w *ahead) close() {
	w.cancel()
	<-w.done
	if w.err == nil {
		w.units.Close()
	}
}
