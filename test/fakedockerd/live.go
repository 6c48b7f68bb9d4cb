package fakedockerd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Live is a Host that sends events, and records requests to stop a container.
type Live struct {
	*Host
	state     sync.Mutex
	stopped   []string
	listeners map[chan object]struct{}
	sent      []object // all events, for a client that asks for earlier ones
}

// NewLive starts a Live like a new Docker 26.1, with runc only.
func NewLive(t testing.TB) *Live {
	t.Helper()
	l := &Live{Host: NewHost(t), listeners: map[chan object]struct{}{}}
	l.AllowChanges = true
	l.HandleFunc("POST /containers/{id}/stop", func(w http.ResponseWriter, r *http.Request) {
		l.state.Lock()
		defer l.state.Unlock()
		l.stopped = append(l.stopped, r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	l.HandleFunc("/events", l.stream)
	return l
}

// Load reads daemon.json, as Host.Load does, and sends an event if it is accepted.
func (l *Live) Load(path string) error {
	if err := l.Host.Load(path); err != nil {
		return err
	}
	l.state.Lock()
	defer l.state.Unlock()
	l.send(event("daemon", "reload", "fake"))
	return nil
}

// Send sends an event to every client that listens.
func (l *Live) Send(kind, action, id string) {
	l.state.Lock()
	defer l.state.Unlock()
	l.send(event(kind, action, id))
}

// send sends an event, or ends the streams if it is nil. The caller holds the lock.
func (l *Live) send(e object) {
	if e != nil {
		l.sent = append(l.sent, e)
	}
	for listener := range l.listeners {
		listener <- e
	}
}

// Start adds a running container and sends the event.
func (l *Live) Start(c Container) {
	l.mu.Lock()
	l.Containers = append(l.Containers, c)
	l.mu.Unlock()
	l.Send("container", "start", c.ID)
}

// Remove removes a container that has ended, and sends the event.
func (l *Live) Remove(id string) {
	l.mu.Lock()
	l.Containers = slices.DeleteFunc(l.Containers, func(c Container) bool { return c.ID == id })
	l.mu.Unlock()
	l.Send("container", "die", id)
}

// SetContainers replaces the running containers and sends no event.
func (h *Host) SetContainers(containers ...Container) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Containers = containers
}

// Forget makes dockerd run with its own settings again, whatever daemon.json says.
func (h *Host) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Settings = fresh()
}

// Stopped returns the ids of the containers that a client stopped.
func (l *Live) Stopped() []string {
	l.state.Lock()
	defer l.state.Unlock()
	return slices.Clone(l.stopped)
}

// HangUp ends all streams of events, as a dockerd that stops does.
func (l *Live) HangUp() {
	l.state.Lock()
	defer l.state.Unlock()
	l.send(nil)
	clear(l.listeners)
}

func event(kind, action, id string) object {
	now := time.Now()
	return object{"Type": kind, "Action": action, "Actor": object{"ID": id}, "time": now.Unix(), "timeNano": now.UnixNano()}
}

// since returns the events that a client which listens from now on asks for as well. The caller holds the lock.
func (l *Live) since(r *http.Request) []object {
	var seconds, nanoseconds int64
	if n, _ := fmt.Sscanf(r.URL.Query().Get("since"), "%d.%09d", &seconds, &nanoseconds); n != 2 {
		return nil
	}
	from := time.Unix(seconds, nanoseconds).UnixNano()
	return slices.DeleteFunc(slices.Clone(l.sent), func(e object) bool { return e["timeNano"].(int64) < from })
}

// stream sends events until the client or HangUp ends it.
func (l *Live) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan object, 100)
	l.state.Lock()
	earlier := l.since(r)
	l.listeners[events] = struct{}{}
	l.state.Unlock()
	defer func() {
		l.state.Lock()
		defer l.state.Unlock()
		delete(l.listeners, events)
	}()
	w.Header().Set("Content-Type", "application/json")
	flusher := http.NewResponseController(w)
	write := func(e object) {
		_ = json.NewEncoder(w).Encode(e)
		_ = flusher.Flush()
	}
	_ = flusher.Flush()
	for _, e := range earlier {
		write(e)
	}
	for {
		select {
		case e := <-events:
			if e == nil {
				return
			}
			write(e)
		case <-r.Context().Done():
			return
		}
	}
}
