package engine

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// EventLost is the type of what stands for an event that was too long.
const EventLost = "lost"

// Event is something that dockerd did: read its configuration again
// ("daemon", "reload", with the settings as attributes), or saw a container
// start or end ("container", "start" or "die"). Of an EventLost nothing is known.
type Event struct {
	Type       string
	Action     string
	ID         string // of the container, or of the daemon
	Attributes map[string]string
	Time       time.Time
}

// Events reports what happens from this call on, until ctx ends or dockerd
// goes away; then the one error is sent and both channels are closed. It
// returns once dockerd has taken the subscription or refused it. Whoever stops
// reading the events must end ctx. An event is a hint: what is so now is to be
// asked for.
//
// An open stream holds up a stopping dockerd for 5 s (26.1; not 20.10, and not
// from moby pull request 51448 on): end ctx before a restart of one's own.
func (c *Client) Events(ctx context.Context) (<-chan Event, <-chan error) {
	happened := make(chan Event)
	ended := make(chan error, 1)
	since := time.Now()
	if err := c.agree(ctx); err != nil {
		ended <- c.explain(ctx, "watch events", err)
		close(ended)
		close(happened)
		return happened, ended
	}
	stream := c.moby.Events(ctx, client.EventsListOptions{
		// dockerd answers before it subscribes: what happens in between is
		// in its buffer.
		Since: since.UTC().Format(time.RFC3339Nano),
		Filters: make(client.Filters).
			Add("type", string(events.DaemonEventType), string(events.ContainerEventType)).
			Add("event", string(events.ActionReload), string(events.ActionStart), string(events.ActionDie)),
	})
	go func() {
		defer close(ended)
		defer close(happened)
		ended <- c.explain(ctx, "watch events", forward(ctx, stream, happened))
	}()
	return happened, ended
}

func forward(ctx context.Context, stream client.EventsResult, to chan<- Event) error {
	for {
		select {
		case message := <-stream.Messages:
			select {
			case to <- newEvent(message):
			case <-ctx.Done():
				return ctx.Err()
			}
		case err := <-stream.Err:
			return err
		}
	}
}

func newEvent(message events.Message) Event {
	return Event{
		Type:       string(message.Type),
		Action:     string(message.Action),
		ID:         message.Actor.ID,
		Attributes: message.Actor.Attributes,
		Time:       time.Unix(0, message.TimeNano),
	}
}
