// Command releases is the release server of a lab host: the bucket's layout
// over TLS, with the faults of package releases. It listens on loopback only
// and notifies systemd when it listens.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"runsc-provisioner/test/releases"
)

func main() {
	dir := flag.String("dir", "", "`directory` with release/, nightly/ and so on")
	cert := flag.String("cert", "", "certificate `file`, PEM")
	key := flag.String("key", "", "private key `file`, PEM")
	address := flag.String("listen", "127.0.0.1:443", "loopback `address`")
	flag.Parse()
	if err := serve(*dir, *cert, *key, *address); err != nil {
		fmt.Fprintf(os.Stderr, "releases: %v\n", err)
		os.Exit(1)
	}
}

func serve(dir, cert, key, address string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	// HTTP/1.1 only: some faults affect the connection, not a stream in it.
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	server := &http.Server{Handler: releases.Handler(dir), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(tls.NewListener(listener, config))
}
