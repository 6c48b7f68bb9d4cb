package systemd

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	// journalLines and journalBytes are the most that is read of what a unit
	// logged.
	journalLines = 200
	journalBytes = 256 << 10
)

// Said is what a unit logged since a moment, the oldest line first, of the last
// 200 lines. Lines are as the unit wrote them, not fit for a terminal as they
// are. A host without journald is an error.
func (c *Conn) Said(ctx context.Context, name string, since time.Time) ([]string, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/journalctl", "--no-pager", "--quiet", "--output=cat",
		"--lines="+strconv.Itoa(journalLines), "--since=@"+strconv.FormatInt(since.Unix(), 10), "--unit="+name)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var out limited
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("read what %s logged: %w", name, err)
	}
	if out.over {
		return nil, fmt.Errorf("read what %s logged: more than %d bytes", name, journalBytes)
	}
	return strings.Split(strings.TrimRight(out.String(), "\n"), "\n"), nil
}

// limited keeps the first journalBytes bytes.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if room := journalBytes - l.Len(); len(p) > room {
		l.over = true
		l.Buffer.Write(p[:room])
	} else {
		l.Buffer.Write(p)
	}
	return len(p), nil
}
