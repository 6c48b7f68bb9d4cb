// Package proxy is an HTTP proxy for tests that requires a name and a password.
//
// It leads every tunnel to one address, whatever the client asked for, so every
// connection that arrives there has come through the proxy.
package proxy

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// Proxy is an http.Handler.
type Proxy struct {
	User, Password string
	// Dial connects to the address where all tunnels lead.
	Dial func() (net.Conn, error)

	tunnels, refused atomic.Int32
}

// Tunnels returns how many tunnels were made.
func (p *Proxy) Tunnels() int { return int(p.tunnels.Load()) }

// Refused returns how many requests came without the right name and password.
func (p *Proxy) Refused() int { return int(p.refused.Load()) }

// Encoded returns the name and the password as a client sends them.
func (p *Proxy) Encoded() string {
	return base64.StdEncoding.EncodeToString([]byte(p.User + ":" + p.Password))
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic "+p.Encoded() {
		p.refused.Add(1)
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	}
	up, err := p.Dial()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer up.Close()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	p.tunnels.Add(1)
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() { _, _ = io.Copy(up, buffered) }()
	_, _ = io.Copy(conn, up)
}
