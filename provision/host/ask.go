package host

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// AnswerWithin is how long systemd and dockerd may take to answer one question
// of a person's that they answer in milliseconds.
const AnswerWithin = 5 * time.Second

// NoAnswer says that somebody who was asked did not answer in time.
type NoAnswer struct{ Within time.Duration }

func (n *NoAnswer) Error() string { return "no answer within " + n.Within.String() }

// Ask puts a question that has to end with its context, and ends it when there
// was no answer in time: the error is then a *NoAnswer, whatever the question
// makes of it.
func Ask(ctx context.Context, within time.Duration, question func(context.Context) error) error {
	asked, cancel := context.WithTimeoutCause(ctx, within, &NoAnswer{within})
	defer cancel()
	err := question(asked)
	if err != nil && errors.Is(asked.Err(), context.DeadlineExceeded) {
		return context.Cause(asked)
	}
	return err
}

func (h *Host) Ask(ctx context.Context, question func(context.Context) error) error {
	return Ask(ctx, cmp.Or(h.AnswerWithin, AnswerWithin), question)
}

// AskUnit asks for a unit, with the patience of Ask.
func (h *Host) AskUnit(ctx context.Context, name string) (u Unit, err error) {
	err = h.Ask(ctx, func(ctx context.Context) (err error) {
		u, err = h.Units.Unit(ctx, name)
		return err
	})
	return u, err
}
