package metrics

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxConnections is how many connections a server keeps. Prometheus needs one.
const maxConnections = 64

// crowd bounds the connections of a server: each costs a file descriptor and a goroutine of the daemon. A
// new one beyond the bound closes the one that has been in its state for the longest time: a scrape takes
// milliseconds, so connections that do nothing never keep a scraper out.
type crowd struct {
	mu  sync.Mutex
	all []net.Conn // by the time of their last change of state
}

// changed is for http.Server.ConnState.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(one net.Conn) bool { return one == conn })
	if state == http.StateClosed || state == http.StateHijacked {
		return
	}
	c.all = append(c.all, conn)
	if len(c.all) > maxConnections {
		_ = c.all[0].Close() // the server notices, and reports it as closed
		c.all = c.all[1:]
	}
}
