package systemd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/godbus/dbus/v5"
)

// A greeted socket authenticates in one exchange. godbus waits for an answer
// four times: for the list of mechanisms, twice for the one that it chooses,
// and for descriptors, which we do not use. Each answer needs process 1 to run.
// The D-Bus specification lets a client send everything ahead ("Authentication
// Protocol"), and so does sd-bus (bus_socket_start_auth_client).
//
// godbus insists on its own exchange. The socket answers that itself.
type greeted struct {
	net.Conn
	in     *bufio.Reader
	canned io.Reader // the answers for godbus that it has not read yet
	begun  bool      // godbus has ended its exchange
}

const (
	// greeting leaves out who we are: the manager and the bus ask the kernel.
	greeting = "\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
	// cannedAnswers are what godbus wants to read.
	cannedAnswers = "REJECTED EXTERNAL\r\nOK 0\r\n"
	begin         = "BEGIN\r\n"
)

// dialGreeted connects to the unix socket of an address and authenticates. The
// connection ends with alive.
func dialGreeted(alive context.Context, address string, options ...dbus.ConnOption) (*dbus.Conn, error) {
	path, isPath := strings.CutPrefix(address, "unix:path=")
	if !isPath || strings.ContainsAny(path, ",;%") {
		return nil, fmt.Errorf("address %q is not the path of a socket", address)
	}
	socket, err := (&net.Dialer{}).DialContext(alive, "unix", path)
	if err != nil {
		return nil, err
	}
	g := &greeted{Conn: socket, in: bufio.NewReader(socket), canned: strings.NewReader(cannedAnswers)}
	conn, err := dbus.NewConn(g, append(options, dbus.WithContext(alive))...)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	if err = g.greet(); err == nil {
		err = conn.Auth([]dbus.Auth{dbus.AuthExternal("")})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// greet authenticates.
func (g *greeted) greet() error {
	if _, err := io.WriteString(g.Conn, greeting); err != nil {
		return err
	}
	for {
		line, err := g.in.ReadSlice('\n') // its buffer limits the line
		if err != nil {
			return err
		}
		switch word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" ")); string(word) {
		case "DATA": // it asks who we are
		case "OK":
			return nil
		default:
			return fmt.Errorf("authentication refused: %q", line)
		}
	}
}

func (g *greeted) Read(p []byte) (int, error) {
	if n, err := g.canned.Read(p); err == nil {
		return n, nil
	}
	return g.in.Read(p)
}

func (g *greeted) Write(p []byte) (int, error) {
	if g.begun {
		return g.Conn.Write(p)
	}
	g.begun = string(p) == begin
	return len(p), nil
}
