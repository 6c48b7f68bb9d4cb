package systemd

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"testing"
)

func TestGreeting(t *testing.T) {
	tests := []struct {
		situation, answer string
		accepted          bool
	}{
		{"a server that asks who we are", "DATA\r\nOK 0123\r\n", true},
		{"a server that does not ask", "OK 0123\r\n", true},
		{"refused", "REJECTED EXTERNAL\r\n", false},
		{"not D-Bus", "HTTP/1.1 400 Bad Request\r\n", false},
		{"hung up", "", false},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "s")
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan string, 1)
		go func() {
			defer listener.Close()
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			defer peer.Close()
			in := bufio.NewReader(peer)
			got := ""
			for range 3 {
				line, _ := in.ReadString('\n')
				got += line
			}
			sent <- got
			io.WriteString(peer, tt.answer)
			if tt.accepted {
				in.ReadByte() // until the client has closed
			}
		}()
		conn, err := dialGreeted(t.Context(), "unix:path="+path)
		if (err == nil) != tt.accepted {
			t.Errorf("%s: got %v", tt.situation, err)
		}
		if err == nil {
			conn.Close()
		}
		if got := <-sent; got != greeting {
			t.Errorf("%s: sent %q, want %q and nothing before an answer", tt.situation, got, greeting)
		}
	}
}
