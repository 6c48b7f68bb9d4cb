package metrics

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
)

// Connections that never ask, or begin to ask and stop, are closed for new ones; a scrape is answered all the same.
func TestFault_X23_AThousandConnections(t *testing.T) {
	m := New("1.2.3")
	m.Publish(status.Status{State: status.StateEnforced})
	address, _ := serve(t, m)
	var all []net.Conn
	for i := range 1000 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer conn.Close()
		if i%2 == 0 {
			if _, err := io.WriteString(conn, "GET /metr"); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, conn)
	}
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %s", response.Status)
	}
	open := 0
	for _, conn := range all {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	if open > maxConnections {
		t.Errorf("got %d of 1000 connections open, want at most %d", open, maxConnections)
	}
}
