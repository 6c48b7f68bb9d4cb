package systemd

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// journalLines and journalBytes limit how much of a unit's log is read.
	journalLines = 200
	journalBytes = 256 << 10
)

// Said returns what a unit logged since a time, oldest line first: at most the
// last 200 lines and the last 256 KiB. The lines are as the unit wrote them, so
// they are not safe for a terminal. On a host without journald it returns an
// error.
func (c *Conn) Said(ctx context.Context, name string, since time.Time) ([]string, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/journalctl", "--no-pager", "--quiet", "--output=cat",
		"--lines="+strconv.Itoa(journalLines), "--since=@"+strconv.FormatInt(since.Unix(), 10), "--unit="+name)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	// Ctrl-C in a terminal must not reach journalctl.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	var out newest
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("read the log of %s: %w", name, err)
	}
	return out.lines(), nil
}

// newest keeps the last journalBytes bytes and drops the others.
type newest struct {
	text []byte
	cut  bool // bytes were dropped
}

func (n *newest) Write(p []byte) (int, error) {
	n.text = append(n.text, p...)
	// Not at each write: moving the bytes costs more than some extra memory.
	if len(n.text) > 2*journalBytes {
		n.trim()
	}
	return len(p), nil
}

func (n *newest) trim() {
	if over := len(n.text) - journalBytes; over > 0 {
		n.text, n.cut = append([]byte(nil), n.text[over:]...), true
	}
}

// lines returns the complete lines. Of a single line that is too long it
// returns the end.
func (n *newest) lines() []string {
	n.trim()
	text := strings.TrimRight(string(n.text), "\n")
	if n.cut {
		if _, whole, found := strings.Cut(text, "\n"); found {
			text = whole
		}
	}
	return strings.Split(text, "\n")
}
