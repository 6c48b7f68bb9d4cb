package engine

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// EventLost is the Type of an Event that replaces one that was too long.
const EventLost = "lost"

// Event is something that dockerd did: read its configuration again ("daemon",
// "reload", with the settings as attributes), or created, started or removed a
// container, or saw it end ("container", "create", "start", "destroy" or "die").
// An EventLost has no other field.
type Event struct {
	Type       string
	Action     string
	ID         string // of the container, or of the daemon
	Attributes map[string]string
	Time       time.Time
}

// Events reports events from a time on, until ctx ends or dockerd stops. dockerd
// remembers its last 256 events. At the end it sends one error and closes both
// channels. It returns once dockerd has accepted the subscription or refused it.
// A caller that stops reading must end ctx. An event is a hint: ask dockerd for
// the current state.
//
// An open stream delays the stop of dockerd by 5 s (26.1; not 20.10, and not
// since moby pull request 51448). End ctx before you restart dockerd.
func (c *Client) Events(ctx context.Context, since time.Time) (<-chan Event, <-chan error) {
	happened := make(chan Event)
	ended := make(chan error, 1)
	if err := c.agree(ctx); err != nil {
		ended <- c.withAct(ctx, "watch events", err)
		close(ended)
		close(happened)
		return happened, ended
	}
	stream := c.moby.Events(ctx, client.EventsListOptions{
		// dockerd answers before it subscribes. Since fetches the events in
		// between from its buffer.
		Since: since.UTC().Format(time.RFC3339Nano),
		Filters: make(client.Filters).
			Add("type", string(events.DaemonEventType), string(events.ContainerEventType)).
			Add("event", string(events.ActionReload), string(events.ActionCreate), string(events.ActionStart), string(events.ActionDie), string(events.ActionDestroy)),
	})
	go func() {
		defer close(ended)
		defer close(happened)
		ended <- c.withAct(ctx, "watch events", forward(ctx, stream, happened))
	}()
	return happened, ended
}

// ReloadedSince reports whether dockerd has read its configuration again since a time. It
// is false if dockerd has seen more than 256 events after that.
func (c *Client) ReloadedSince(ctx context.Context, since time.Time) (bool, error) {
	if err := c.agree(ctx); err != nil {
		return false, c.withAct(ctx, "ask for events", err)
	}
	stream := c.moby.Events(ctx, client.EventsListOptions{
		Since:   since.UTC().Format(time.RFC3339Nano),
		Until:   time.Now().UTC().Format(time.RFC3339Nano),
		Filters: make(client.Filters).Add("type", string(events.DaemonEventType)).Add("event", string(events.ActionReload)),
	})
	for reloaded := false; ; {
		select {
		case <-stream.Messages:
			reloaded = true
		case err := <-stream.Err:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return reloaded, c.withAct(ctx, "ask for events", err)
		}
	}
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
