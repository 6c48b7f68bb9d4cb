// Package engine puts the few questions to dockerd that provisioning has,
// reads the command line it was started with, and runs a container of our own.
//
// It guarantees that every answer is limited in size, that every wait ends
// with its context, and that a container which disappears while it is looked
// at is no error. It creates and removes nothing but a Trial, the container
// and the image that bear its name, and kills nothing but the processes of
// one whose start hangs; all else it only asks about.
// It never opens the socket unasked; but whoever asks while docker.service is
// not active has docker.socket start it, so ask systemd first.
//
// Names, labels, arguments and messages are returned as dockerd gave them,
// which is as anybody who may start a container chose them: they are not fit
// for a terminal as they are.
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

// Client talks to one dockerd over its unix socket, with the API version that
// was agreed on at the first question: after dockerd was replaced by another
// release, open another. It may be used by several goroutines.
type Client struct {
	socket    string
	transport *http.Transport
	moby      *client.Client

	turn   chan struct{} // held while the API version is settled; protects agreed
	agreed bool
}

// Open makes a client for the dockerd behind a unix socket, given by its path.
// It opens nothing yet.
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
	// Without FromEnv: DOCKER_HOST and DOCKER_API_VERSION are the user's, and
	// mean the docker command's.
	moby, err := client.New(
		client.WithHost("unix://"+socket),
		client.WithHTTPClient(&http.Client{Transport: limited{transport}, CheckRedirect: client.CheckRedirect}),
	)
	if err != nil {
		return nil, fmt.Errorf("open docker socket %s: %w", socket, err)
	}
	return &Client{socket: socket, transport: transport, moby: moby, turn: make(chan struct{}, 1)}, nil
}

// Close drops idle connections. Questions under way end with their context.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return c.moby.Close()
}

// Ping asks whether dockerd answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.moby.Ping(ctx, client.PingOptions{})
	return c.explain(ctx, "ping", err)
}

// agree settles the API version. moby's client would do so by itself, but
// hides why it could not and then asks in a version that an old dockerd
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
		err = errors.New("what answers is not dockerd")
	}
	if err != nil {
		return fmt.Errorf("agree on an API version: %w", err)
	}
	c.agreed = true
	return nil
}

// get asks at path and reads the answer into into, where moby's own types do
// not fit the answers of every version. The version has to be agreed on. What
// dockerd does not know, or not any more, is not found and no error.
func (c *Client) get(ctx context.Context, path string, into any) (found bool, err error) {
	return c.ask(ctx, path, func(answer *json.Decoder) error { return answer.Decode(into) })
}

// ask is get, with an answer that read reads.
func (c *Client) ask(ctx context.Context, path string, read func(*json.Decoder) error) (found bool, err error) {
	// The host is not looked up: the transport knows one socket only.
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

// Unreadable is an answer of dockerd's that came and cannot be used: it is too
// large, makes no sense, or is a refusal. Other questions may do better.
type Unreadable struct{ Err error }

func (u *Unreadable) Error() string { return u.Err.Error() }
func (u *Unreadable) Unwrap() error { return u.Err }

// explain names the question, and puts back the context's error where moby's
// client has dropped it.
func (c *Client) explain(ctx context.Context, act string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s, dockerd at %s: %w", act, c.socket, err)
}
