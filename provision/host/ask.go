package host

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// AnswerWithin limits how long systemd and dockerd may take to answer one question while
// a person waits. Usually they take milliseconds.
const AnswerWithin = 5 * time.Second

// NoAnswer says that systemd or dockerd did not answer within a time.
type NoAnswer struct{ Within time.Duration }

func (n *NoAnswer) Error() string { return "no answer within " + n.Within.String() }

// Ask calls question, which must end with its context. If question fails after the time
// is up, the error is a *NoAnswer, whatever question returned.
func Ask(ctx context.Context, within time.Duration, question func(context.Context) error) error {
	asked, cancel := context.WithTimeoutCause(ctx, within, &NoAnswer{within})
	defer cancel()
	err := question(asked)
	if err != nil && errors.Is(asked.Err(), context.DeadlineExceeded) {
		return context.Cause(asked)
	}
	return err
}

// Ask is Ask with the timeout of h.
func (h *Host) Ask(ctx context.Context, question func(context.Context) error) error {
	return Ask(ctx, cmp.Or(h.AnswerWithin, AnswerWithin), question)
}

// AskUnit asks systemd for a unit, with the timeout of Ask.
func (h *Host) AskUnit(ctx context.Context, name string) (u Unit, err error) {
	err = h.Ask(ctx, func(ctx context.Context) (err error) {
		u, err = h.Units.Unit(ctx, name)
		return err
	})
	return u, err
}
