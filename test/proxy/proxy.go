// Package proxy is an HTTP proxy for tests that wants a name and a password.
//
// It leads every tunnel to one address, whatever was asked for, so that who
// arrives there has come through it.
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
	// Dial connects to where all tunnels lead.
	Dial func() (net.Conn, error)

	tunnels, refused atomic.Int32
}

// Tunnels is how many were made.
func (p *Proxy) Tunnels() int { return int(p.tunnels.Load()) }

// Refused is how many requests came without the right name and password.
func (p *Proxy) Refused() int { return int(p.refused.Load()) }

// Encoded is the name and the password as they are sent.
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
