// Package engine guarantees that every answer of dockerd is limited in size,
// that every wait ends with its context, and that a container that disappears
// during a request is not an error.
//
// It asks dockerd the few questions that provisioning needs, carries images from
// one data root to another, and stops a container. It never opens the socket
// before it is asked to. A request while docker.service is not active makes
// docker.socket start it, so ask systemd first.
//
// Names, labels, arguments and messages are returned as dockerd gave them. Any
// user who may start a container can choose them, so they are not safe for a
// terminal.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// A Client talks to one dockerd over its unix socket. It agrees on the API
// version at the first request, so open another Client after dockerd was
// replaced by another release. Several goroutines may use it.
type Client struct {
	socket    string
	transport *http.Transport
	moby      *client.Client

	turn   chan struct{} // held while the API version is settled; protects agreed
	agreed bool
}

// Open makes a client for the dockerd behind the unix socket at a path. It does
// not connect yet.
func Open(socket string) (*Client, error) {
	var dialer net.Dialer
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: inspectors,
		IdleConnTimeout:     30 * time.Second,
	}
	// Without FromEnv: DOCKER_HOST and DOCKER_API_VERSION are for the docker
	// command.
	moby, err := client.New(
		client.WithHost("unix://"+socket),
		client.WithHTTPClient(&http.Client{Transport: limited{transport}, CheckRedirect: client.CheckRedirect}),
	)
	if err != nil {
		return nil, fmt.Errorf("open docker socket %s: %w", socket, err)
	}
	return &Client{socket: socket, transport: transport, moby: moby, turn: make(chan struct{}, 1)}, nil
}

// Close closes idle connections. Requests under way end with their context.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return c.moby.Close()
}

// agree settles the API version. moby's client would do so on its own, but if
// that fails it hides the reason and uses a version that an old dockerd
// refuses.
func (c *Client) agree(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.agreed {
		return nil
	}
	ping, err := c.moby.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err == nil && ping.APIVersion == "" {
		err = errors.New("the answer is not from dockerd")
	}
	if err != nil {
		return fmt.Errorf("agree on an API version: %w", err)
	}
	c.agreed = true
	return nil
}

// Moby is the same connection as a client of Docker's whole API, with its
// version settled. It can change everything in dockerd: only package trial asks
// for it.
func (c *Client) Moby(ctx context.Context) (*client.Client, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "ask", err)
	}
	return c.moby, nil
}

// get requests path and decodes the answer into into, for answers that moby's
// types do not fit in every version. Call agree first. If dockerd answers 404,
// found is false and err is nil.
func (c *Client) get(ctx context.Context, path string, into any) (found bool, err error) {
	return c.request(ctx, path, func(answer *json.Decoder) error { return answer.Decode(into) })
}

// request is get with a function that reads the answer.
func (c *Client) request(ctx context.Context, path string, read func(*json.Decoder) error) (found bool, err error) {
	// The host name has no meaning: the transport always opens the socket.
	url := "http://docker/v" + c.moby.ClientVersion() + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	response, err := limited{c.transport}.RoundTrip(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return false, nil
	}
	if response.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(response.Body)
		return false, &Unreadable{fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(message)))}
	}
	if err := read(json.NewDecoder(response.Body)); err != nil {
		var cut *net.OpError
		if ctx.Err() != nil || errors.As(err, &cut) {
			return false, err
		}
		return false, &Unreadable{err}
	}
	return true, nil
}

// Unreadable is an answer from dockerd that cannot be used: it is too large,
// malformed, or a refusal. Other requests may still succeed.
type Unreadable struct{ Err error }

func (u *Unreadable) Error() string { return u.Err.Error() }
func (u *Unreadable) Unwrap() error { return u.Err }

// withAct adds the act to an error, and restores the context's error if moby's
// client has dropped it.
func (c *Client) withAct(ctx context.Context, act string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s, dockerd at %s: %w", act, c.socket, err)
}
