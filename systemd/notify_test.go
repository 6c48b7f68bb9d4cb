package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetReadDeadline(time.Now().Add(hung))
	t.Setenv("NOTIFY_SOCKET", path)
	for _, tt := range []struct {
		state []string
		want  string
	}{
		{[]string{Ready, Status("two\nlines")}, "READY=1\nSTATUS=two lines"},
		{[]string{Reloading}, "RELOADING=1"},
		{[]string{Watchdog}, "WATCHDOG=1"},
		{[]string{Stopping}, "STOPPING=1"},
	} {
		if err := Notify(tt.state...); err != nil {
			t.Fatalf("Notify: %v", err)
		}
		message := make([]byte, 4096)
		n, err := socket.Read(message)
		if got := string(message[:n]); err != nil || got != tt.want {
			t.Errorf("got %q, %v, want %q", got, err, tt.want)
		}
	}
	if got := os.Getenv("NOTIFY_SOCKET"); got != path {
		t.Errorf("after that, NOTIFY_SOCKET: got %q, want %q", got, path)
	}
}

func TestNotifyWithoutAListener(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(Ready); err != nil {
		t.Errorf("no socket is named: got %v, want nil", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := Notify(Ready); err == nil || !strings.HasPrefix(err.Error(), "notify systemd: ") {
		t.Errorf("the socket is gone: got %v, want an error", err)
	}
}

func TestStatus(t *testing.T) {
	full := strings.Repeat("x", statusBytes-len("STATUS="))
	for text, want := range map[string]string{
		"":                             "STATUS=",
		"all is well, 日本":              "STATUS=all is well, 日本",
		"one\r\n\ttwo\x1b[31m\u009bm":  "STATUS=one two [31m m",
		"right\u202eleft \xff\xfe\x00": "STATUS=right left ",
		"READY=1\nSTOPPING=1":          "STATUS=READY=1 STOPPING=1",
		full:                           "STATUS=" + full,
		full + "x":                     "STATUS=" + full[:len(full)-3] + "…",
		full[:len(full)-4] + "日本語":     "STATUS=" + full[:len(full)-4] + "…",
	} {
		got := Status(text)
		if got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", text, got, want)
		}
		if len(got) > statusBytes || !utf8.ValidString(got) {
			t.Errorf("%q: got %d bytes %q", text, len(got), got)
		}
	}
}

func TestWatchdogEvery(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, tt := range []struct {
		usec, pid string
		every     time.Duration
		on, fails bool
	}{
		{"", "", 0, false, false},
		{"30000000", "", 15 * time.Second, true, false},
		{"30000000", own, 15 * time.Second, true, false},
		{"30000000", "1", 0, false, false},
		{"soon", own, 0, false, true},
		{"0", own, 0, false, true},
	} {
		t.Setenv("WATCHDOG_USEC", tt.usec)
		t.Setenv("WATCHDOG_PID", tt.pid)
		every, on, err := WatchdogEvery()
		if every != tt.every || on != tt.on || (err != nil) != tt.fails {
			t.Errorf("%q for process %q: got %v, %t, %v", tt.usec, tt.pid, every, on, err)
		}
	}
}
