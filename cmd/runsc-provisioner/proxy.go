package main

import (
	"context"
	"errors"
	"os"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
)

// proxyMissing is the error of a download without a proxy, on a host whose dockerd has one.
type proxyMissing struct {
	error
	where string // dockerd has it: "HTTPS_PROXY of docker.service"
}

func (p *proxyMissing) Unwrap() error { return p.error }

// withProxy adds to a failed download that dockerd has a proxy and this program has none.
func withProxy(ctx context.Context, h *host.Host, err error) error {
	var gone *release.UnavailableError
	if !errors.As(err, &gone) || os.Getenv("HTTPS_PROXY") != "" || os.Getenv("https_proxy") != "" {
		return err
	}
	where := h.DockerProxy(ctx)
	if where == "" {
		return err
	}
	return &proxyMissing{err, where}
}

// hint says how to give this program the proxy.
func (p *proxyMissing) hint() string {
	return "dockerd has a proxy (" + p.where + "), and this program has none: sudo HTTPS_PROXY=URL runsc-provisioner apply; " +
		"for the daemon, Environment=HTTPS_PROXY=URL in systemctl edit runsc-provisioner"
}
