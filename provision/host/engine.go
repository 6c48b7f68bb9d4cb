package host

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// Engine is the part of *engine.Client that reads: none of its methods changes anything in dockerd.
type Engine interface {
	Info(context.Context) (engine.Info, error)
	Names(context.Context) ([]string, error)
	Containers(context.Context) ([]verify.Container, error)
	Inspect(ctx context.Context, ids []string) ([]verify.Container, error)
	NotStarted(context.Context) (down []engine.NotStarted, partial bool, err error)
	Requested(ctx context.Context, name string) (one verify.Container, found bool, err error)
	Lookup(ctx context.Context, name string) (id string, found bool, err error)
	VolumeOptions(context.Context) (map[string]map[string]string, error)
	ImageDigests(ctx context.Context, id string) ([]string, error)
	Data(context.Context) (engine.Data, error)
	Stored(ctx context.Context, most int, sized bool) (all []engine.StoredContainer, partial bool, err error)
	Networks(context.Context) ([]engine.Network, error)
	Connected(ctx context.Context, network string) (n engine.Connected, found bool, err error)
	Plugins(context.Context) ([]engine.Plugin, error)
	ReloadedSince(context.Context, time.Time) (bool, error)
	Events(context.Context, time.Time) (<-chan engine.Event, <-chan error)
	Close() error
}

// Dial opens the socket of the dockerd with these flags, for reading only. It does
// not connect yet. The error is *blocked.Unreachable, and fs.ErrPermission if this user
// may not write to the socket.
func (h *Host) Dial(flags commandline.Flags) (Engine, error) {
	socket := h.Socket(flags)
	// The error of moby's client does not reveal that permission is missing.
	if err := unix.Faccessat(unix.AT_FDCWD, socket, unix.W_OK, unix.AT_EACCESS); errors.Is(err, fs.ErrPermission) {
		return nil, blocked.DockerdSilent(&fs.PathError{Op: "open", Path: socket, Err: err})
	}
	client, err := engine.Open(socket)
	if err != nil {
		return nil, blocked.DockerdSilent(err)
	}
	return client, nil
}

// Events returns the events of the dockerd of o from a time on, until ctx ends or dockerd stops.
func (h *Host) Events(ctx context.Context, o Observed, since time.Time) (<-chan engine.Event, <-chan error, error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, nil, err
	}
	events, ended := client.Events(ctx, since)
	context.AfterFunc(ctx, func() { client.Close() })
	return events, ended, nil
}

// ImageAllowed reports whether the image with this ID has a digest that is in allow.
func (h *Host) ImageAllowed(ctx context.Context, o Observed, image string, allow []string) (bool, error) {
	if len(allow) == 0 {
		return false, nil
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return false, err
	}
	defer client.Close()
	digests, err := client.ImageDigests(ctx, image)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(digests, func(d string) bool { return slices.Contains(allow, d) }), nil
}
