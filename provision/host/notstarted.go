package host

import (
	"context"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/engine"
)

// NotStarted is an engine.NotStarted, and whether dockerd knows its runtime now.
type NotStarted struct {
	engine.NotStarted
	Registered bool `json:"runtime_registered"`
}

// notStartedTime limits how long NotStarted may take. A thousand stopped containers take about a second.
const notStartedTime = 10 * time.Second

// NotStarted lists the containers that stay down because dockerd did not find their runtime when it tried to
// start them, by name. It leaves out those whose runtime neither dockerd knows nor ours names: nothing here
// brings it back. partial is true if some stopped containers were not looked at. Without a running dockerd
// the list is empty. The error is a *blocked.Unreachable.
func (h *Host) NotStarted(ctx context.Context, o Observed, ours []string) (down []NotStarted, partial bool, err error) {
	if o.Engine == nil {
		return nil, false, nil
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, true, err
	}
	defer client.Close()
	var found []engine.NotStarted
	err = Ask(ctx, notStartedTime, func(ctx context.Context) (err error) {
		found, partial, err = client.NotStarted(ctx)
		return err
	})
	if err != nil {
		return nil, true, blocked.DockerdSilent(err)
	}
	for _, one := range found {
		_, registered := o.Engine.Runtimes[one.Runtime]
		if registered || slices.Contains(ours, one.Runtime) {
			down = append(down, NotStarted{one, registered})
		}
	}
	return down, partial, nil
}
