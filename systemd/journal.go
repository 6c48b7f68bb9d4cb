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
	// journalLines and journalBytes are the most that is read of what a unit
	// logged.
	journalLines = 200
	journalBytes = 256 << 10
)

// Said is what a unit logged since a moment, the oldest line first, of the last
// 200 lines, and of these the newest that have 256 KiB. Lines are as the unit wrote them, not fit for a terminal as they
// are. A host without journald is an error.
func (c *Conn) Said(ctx context.Context, name string, since time.Time) ([]string, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/journalctl", "--no-pager", "--quiet", "--output=cat",
		"--lines="+strconv.Itoa(journalLines), "--since=@"+strconv.FormatInt(since.Unix(), 10), "--unit="+name)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	// A terminal's Ctrl-C is for us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	var out newest
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("read what %s logged: %w", name, err)
	}
	return out.lines(), nil
}

// newest keeps the last journalBytes bytes, and forgets the first.
type newest struct {
	text []byte
	cut  bool // something was forgotten
}

func (n *newest) Write(p []byte) (int, error) {
	n.text = append(n.text, p...)
	// Not at each write: moving what is kept costs more than some room.
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

// lines are the lines that are kept whole. Of a single one that is too long it
// is the end.
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
