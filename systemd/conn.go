// Package systemd guarantees that a job counts as done only after systemd said
// "done", that every wait ends with its context, and that a lost connection is
// reported as ErrLost, never as success.
//
// It asks systemd's manager about units, reports their changes, makes it
// reload, start or restart units or run a process, and tells it the state of
// the calling service. After a lost connection the next call connects again.
// Dial, Unit and LoadUnits wait 90 seconds at most. Only RunTransient waits a few seconds longer than its context, to leave
// nothing behind.
//
// It never repeats a job, never cancels a job that another program queued, and
// never enables, masks or edits a unit.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	// privateAddress is the manager's own socket, for root only. It works even
	// if dbus-daemon does not.
	privateAddress = "unix:path=/run/systemd/private"
	busAddress     = "unix:path=/run/dbus/system_bus_socket"

	managerName = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
)

// ErrLost means that the connection to systemd was lost before the answer came.
// The unit's state tells whether the request took effect.
var ErrLost = errors.New("connection to systemd lost, outcome unknown")

// ErrSilent means that systemd's manager takes connections and does not answer, as while it waits for a named pipe in
// place of a unit file.
var ErrSilent = errors.New("systemd does not answer")

// errClosed means that a Conn was used after Close.
var errClosed = errors.New("connection closed")

// A Conn is a connection to systemd's manager that reconnects after it was
// lost. Several goroutines may use it.
type Conn struct {
	addresses []string
	// reloadWithin is how long the commands of ExecReload= may take.
	reloadWithin time.Duration

	answersWithin time.Duration // how long the manager may take for an answer

	lookEvery time.Duration // how often the job queue is read, in case the end of a job was not signalled
	patience  time.Duration // how long Changes tries an address that does not answer

	mu     sync.Mutex
	live   *link  // for jobs; nil before the first one
	asked  *asked // for questions; nil before the first connection
	closed bool
}

// Dial connects to the manager at a D-Bus address. The empty address means the
// manager's private socket for root, and the system bus if that does not answer
// or the caller is not root. An address that ends in "/systemd/private" is the
// manager itself, any other a message bus. ctx limits the dialling, not the
// life of the connection.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c := &Conn{addresses: []string{address}, lookEvery: 2 * time.Second, reloadWithin: time.Minute, answersWithin: 90 * time.Second, patience: 10 * time.Second}
	if address == "" {
		c.addresses = defaultAddresses(os.Geteuid())
	}
	if err := c.dial(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) dial(ctx context.Context) error {
	return c.awaitAnswer(ctx, func(ctx context.Context) error {
		_, err := c.question(ctx)
		return err
	})
}

func defaultAddresses(euid int) []string {
	if euid == 0 {
		return []string{privateAddress, busAddress}
	}
	return []string{busAddress}
}

// Close ends the connection. Calls under way return ErrLost.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.live != nil {
		c.live.drop()
	}
	if c.asked != nil {
		c.asked.drop()
	}
}

// link returns the live connection for jobs, or a new one.
func (c *Conn) link(ctx context.Context) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("connect to systemd: %w", errClosed)
	}
	if c.live != nil && !c.live.lost() {
		return c.live, nil
	}
	l, err := dialFirst(ctx, c.addresses, connect)
	if err != nil {
		return nil, err
	}
	c.live = l
	return l, nil
}

// question returns the live connection for questions, or a new one.
func (c *Conn) question(ctx context.Context) (*asked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("connect to systemd: %w", errClosed)
	}
	if c.asked != nil && c.asked.alive.Err() == nil {
		return c.asked, nil
	}
	a, err := dialFirst(ctx, c.addresses, ask)
	if err != nil {
		return nil, err
	}
	c.asked = a
	return a, nil
}

// awaitAnswer asks the manager something that it should answer at once. Its error is ErrSilent if there is no answer in
// time.
func (c *Conn) awaitAnswer(ctx context.Context, ask func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, c.answersWithin)
	defer cancel()
	err := ask(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w within %s", ErrSilent, c.answersWithin)
	}
	return err
}

// dialFirst connects to the first address that answers.
func dialFirst[T any](ctx context.Context, addresses []string, connect func(ctx context.Context, address string) (T, error)) (T, error) {
	var errs []error
	for _, address := range addresses {
		connected, err := connect(ctx, address)
		if err == nil {
			return connected, nil
		}
		errs = append(errs, fmt.Errorf("connect to systemd at %s: %w", address, err))
		if ctx.Err() != nil {
			break
		}
	}
	var none T
	return none, errors.Join(errs...)
}

// direct reports whether an address is the manager itself, not a bus. Then
// there is no Hello call, and all signals come without a subscription.
func direct(address string) bool { return strings.HasSuffix(address, "/systemd/private") }

// A life is how long a connection lasts.
type life struct {
	alive context.Context
	drop  context.CancelFunc
}

// An asked manager only answers questions. Most runs of a program need no job,
// and so not the two sockets of a link.
type asked struct {
	conn *dbus.Conn
	life
}

func ask(ctx context.Context, address string) (*asked, error) {
	alive, drop := context.WithCancel(context.WithoutCancel(ctx))
	undo := context.AfterFunc(ctx, drop)
	conn, err := authenticate(alive, address)
	if !undo() {
		err = ctx.Err()
	}
	if err != nil {
		drop()
		return nil, err
	}
	context.AfterFunc(conn.Context(), drop) //nolint:contextcheck // it ends with the connection
	return &asked{conn, life{alive, drop}}, nil
}

// A link is one connection of two sockets: go-systemd calls on one and listens
// on the other. If one is lost, so is the link.
type link struct {
	manager *systemdbus.Conn
	life
}

func connect(ctx context.Context, address string) (*link, error) {
	// go-systemd ends a connection with the context that it was dialled with.
	alive, drop := context.WithCancel(context.WithoutCancel(ctx))
	undo := context.AfterFunc(ctx, drop)

	manager, err := systemdbus.NewConnection(func() (*dbus.Conn, error) {
		conn, err := authenticate(alive, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(conn.Context(), drop) //nolint:contextcheck // it ends with the connection
		return conn, nil
	})
	if !undo() && err == nil {
		err = ctx.Err()
	}
	if err == nil && !manager.Connected() {
		err = ErrLost
	}
	if err != nil {
		drop()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return &link{manager, life{alive, drop}}, nil
}

func authenticate(alive context.Context, address string, options ...dbus.ConnOption) (*dbus.Conn, error) {
	conn, err := dialGreeted(alive, address, options...)
	if err != nil {
		return nil, err
	}
	if direct(address) {
		err = wake(conn)
	} else {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// wake sends the manager a long call that has no answer. sd-bus, which serves
// the socket, reads at most 256 bytes at a time until the authentication ends
// (bus_socket_read_auth). It ignores bytes that it has read beyond that end
// until more arrive, so a short first call may wait for ever. This call is too
// long for that.
func wake(conn *dbus.Conn) error {
	return conn.Object(managerName, managerPath).Go("org.freedesktop.DBus.Peer.Ping", dbus.FlagNoReplyExpected, nil, strings.Repeat(" ", 256)).Err
}

func (l *link) lost() bool { return l.alive.Err() != nil || !l.manager.Connected() }

// explain turns the error of a call into the context's, into ErrLost, or into
// what systemd answered.
func (l life) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if reply, ok := errors.AsType[dbus.Error](err); ok {
		switch reply.Name {
		// A bus answers so for a manager that has just stopped.
		case "org.freedesktop.DBus.Error.NoReply",
			"org.freedesktop.DBus.Error.Disconnected",
			"org.freedesktop.DBus.Error.NameHasNoOwner",
			"org.freedesktop.DBus.Error.ServiceUnknown":
			return fmt.Errorf("%w: %s", ErrLost, reply.Error())
		}
		return err
	}
	l.drop()
	return fmt.Errorf("%w: %w", ErrLost, err)
}
