// Package systemd asks systemd's manager about units and has it reload, start
// or restart them.
//
// It guarantees that a job counts as done only when systemd said "done", that
// every wait ends with its context, and that a connection lost in the middle
// is reported as ErrLost and never taken for success. The next call connects
// again. It never repeats a job by itself, never cancels a job that somebody
// else queued, and never enables, masks or edits a unit.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	// privateAddress is the manager's own socket, for root only: it works while
	// dbus-daemon does not.
	privateAddress = "unix:path=/run/systemd/private"
	busAddress     = "unix:path=/run/dbus/system_bus_socket"
)

// ErrLost says that the connection to systemd went away before the answer
// came: whether the request took effect is to be seen in the unit's state.
var ErrLost = errors.New("connection to systemd lost, outcome unknown")

// errClosed says that a Conn was used after Close.
var errClosed = errors.New("connection closed")

// Conn is a connection to systemd's manager that is made again when it was
// lost. It may be used by several goroutines.
type Conn struct {
	addresses []string
	lookEvery time.Duration // how often a job whose end was not signalled is looked for

	mu     sync.Mutex
	live   *link // nil before the first connection
	closed bool
}

// Dial connects to the manager at a D-Bus address. The empty address is the
// manager's private socket for root, and the system bus where that does not
// answer or the caller is not root. An address that ends in
// "/systemd/private" is spoken to directly, any other as a message bus. ctx
// bounds the dialling, not the life of the connection.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c := &Conn{addresses: []string{address}, lookEvery: 2 * time.Second}
	if address == "" {
		c.addresses = defaultAddresses(os.Geteuid())
	}
	if _, err := c.link(ctx); err != nil {
		return nil, err
	}
	return c, nil
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
}

// link returns the live connection, or a new one.
func (c *Conn) link(ctx context.Context) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("connect to systemd: %w", errClosed)
	}
	if c.live != nil && !c.live.lost() {
		return c.live, nil
	}
	var errs []error
	for _, address := range c.addresses {
		l, err := connect(ctx, address)
		if err == nil {
			c.live = l
			return l, nil
		}
		errs = append(errs, fmt.Errorf("connect to systemd at %s: %w", address, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// link is one connection, of two sockets (go-systemd calls on one and listens
// on the other), which are lost together.
type link struct {
	manager *systemdbus.Conn
	alive   context.Context
	drop    context.CancelFunc
}

func connect(ctx context.Context, address string) (*link, error) {
	// go-systemd ties a connection's life to the context it was dialled with.
	alive, drop := context.WithCancel(context.WithoutCancel(ctx))
	undo := context.AfterFunc(ctx, drop)

	manager, err := systemdbus.NewConnection(func() (*dbus.Conn, error) {
		conn, err := authenticate(alive, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(conn.Context(), drop)
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
	return &link{manager: manager, alive: alive, drop: drop}, nil
}

func authenticate(alive context.Context, address string) (*dbus.Conn, error) {
	conn, err := dbus.Dial(address, dbus.WithContext(alive))
	if err != nil {
		return nil, err
	}
	// By number: a name would be looked up, perhaps over the network.
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && !strings.HasSuffix(address, "/systemd/private") {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *link) lost() bool { return l.alive.Err() != nil || !l.manager.Connected() }

// explain turns the error of a call into the context's, into ErrLost, or into
// what systemd answered.
func (l *link) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if reply, ok := errors.AsType[dbus.Error](err); ok {
		switch reply.Name {
		// What a bus answers in place of a manager that has just gone.
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
