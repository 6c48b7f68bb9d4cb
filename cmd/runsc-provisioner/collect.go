package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/provision/doctor"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/redact"
)

const (
	// partTimeout is how long each part of a bundle may take. To look at a thousand
	// containers takes seconds.
	partTimeout = 15 * time.Second
	// partNoticeAfter is the time after which we print what we wait for.
	partNoticeAfter = 3 * time.Second
	// partGrace is the time that an ended part gets to say so.
	partGrace = 2 * time.Second
)

// part is one thing to collect: files by name.
type part struct {
	name string
	get  func(context.Context) map[string]string
}

// collector collects parts at the same time, because a part that hangs uses up
// its whole time.
type collector struct {
	app         *app
	timeout     time.Duration
	noticeAfter time.Duration
	grace       time.Duration
}

// collect returns the files of all parts, printable and without secrets. It does
// not wait for a part that does not end.
func (c collector) collect(ctx context.Context, parts []part) map[string]string {
	type result struct {
		part  int
		files map[string]string
	}
	results := make(chan result, len(parts))
	for i, p := range parts {
		go func() {
			ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &host.NoAnswer{Within: c.timeout})
			defer cancel()
			results <- result{i, p.get(ctx)}
		}()
	}
	pending := map[int]bool{}
	for i := range parts {
		pending[i] = true
	}
	if c.app.terminal {
		c.printPending("collecting", parts, pending)
	}
	late := time.After(c.noticeAfter)
	end := time.After(c.timeout + c.grace)
	files := map[string]string{}
	for len(pending) > 0 {
		select {
		case r := <-results:
			delete(pending, r.part)
			for name, text := range r.files {
				files[name] = sanitize(name, text)
			}
		case <-late:
			c.printPending("waiting for", parts, pending)
		case <-end:
			for i := range pending {
				files["not-collected-"+parts[i].name+".txt"] = "no answer: this part did not end\n"
			}
			return files
		}
	}
	return files
}

func (c collector) printPending(what string, parts []part, pending map[int]bool) {
	var names []string
	for i, p := range parts {
		if pending[i] {
			names = append(names, p.name)
		}
	}
	c.app.complain("%s: %s (%s at most)\n", what, strings.Join(names, ", "), c.timeout)
}

// sanitize makes a text of the bundle printable, line by line, and removes secrets
// of it. JSON stays JSON.
func sanitize(name, text string) string {
	if strings.HasSuffix(name, ".json") {
		redacted, err := redact.JSON([]byte(text))
		if err != nil {
			return fmt.Sprintf("{\"error\": %q}\n", "not collected: "+err.Error())
		}
		return string(redacted)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j, word := range words {
			words[j] = printable(word)
		}
		lines[i] = strings.Join(words, "\t")
	}
	return redact.Text(strings.Join(lines, "\n"))
}

// bundleParts are the contents of a bundle: the facts, and the output of the
// commands, each under its own name.
func bundleParts(a *app, now time.Time) []part {
	parts := []part{{"facts", func(ctx context.Context) map[string]string {
		host, done := a.hostEvenWithoutSystemd(ctx)
		defer done()
		config, _ := a.configOrDefault() // config.txt says what is wrong with it
		files := doctor.Facts(ctx, host, config)
		files["version.txt"] = versionText() + "made " + now.UTC().Format(time.RFC3339) + "\n"
		return files
	}}}
	for _, args := range [][]string{{"verify"}, {"status"}, {"plan"}, {"config", "show"}, {"doctor"}} {
		parts = append(parts, part{args[0], func(ctx context.Context) map[string]string {
			code, stdout, stderr := runCommand(ctx, a, args)
			text := fmt.Sprintf("%s%s\nexit %d\n", stdout, stderr, code)
			if ctx.Err() != nil {
				text += context.Cause(ctx).Error() + "\n"
			}
			return map[string]string{args[0] + ".txt": text}
		}})
	}
	return append(parts, part{"verify.json", func(ctx context.Context) map[string]string {
		_, stdout, _ := runCommand(ctx, a, []string{"verify", "--format=json"})
		return map[string]string{"verify.json": stdout}
	}})
}

// runCommand runs a command of this program inside another one.
func runCommand(ctx context.Context, a *app, args []string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	quiet := *a
	quiet.stdout, quiet.stderr, quiet.color, quiet.terminal, quiet.verbose = &out, &err, false, false, false
	quiet.columns, quiet.errColumns = nil, nil
	code = run(ctx, &quiet, append(args, "--config-dir="+a.paths.Config))
	return code, out.String(), err.String()
}
