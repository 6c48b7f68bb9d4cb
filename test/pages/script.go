package pages

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// waitSeconds is how long an until: command may take to succeed.
const waitSeconds = 120

// Script is a bash script that runs the console blocks of a page in one shell, and marks where
// the output of each command begins and ends. It has the commands in the same order.
func (p Page) Script() (script string, commands []Command, err error) {
	var b strings.Builder
	b.WriteString("exec 2>&1\n")
	for _, block := range p.Blocks {
		if block.Lang != "console" {
			continue
		}
		for _, hidden := range block.Before {
			b.WriteString(hidden.script())
		}
		more, err := block.Commands()
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		for _, c := range more {
			// The exit status is kept for a command that asks for it ($?).
			fmt.Fprintf(&b, "printf '\\036begin %d\\n'; (exit ${code:-0})\n%s\n", len(commands), c.Text)
			fmt.Fprintf(&b, "code=$?; printf '\\036end %d %%d\\n' $code\n", len(commands))
			commands = append(commands, c)
		}
	}
	return b.String(), commands, nil
}

func (h Hidden) script() string {
	const giveUp = "{ echo 'a command for the lab failed:'; cat /root/hidden; exit 1; }"
	if !h.Until {
		return fmt.Sprintf("{ %s\n} >/root/hidden 2>&1 || %s\n", h.Command, giveUp)
	}
	return fmt.Sprintf("SECONDS=0; until { %s\n} >/root/hidden 2>&1; do [ $SECONDS -lt %d ] || %s; sleep 0.1; done\n",
		h.Command, waitSeconds, giveUp)
}

// Ran is what one command of a Script did.
type Ran struct {
	Output string
	Code   int
}

var ranMark = regexp.MustCompile(`(?s)\x1ebegin (\d+)\n(.*?)\x1eend (\d+) (\d+)\n`)

// Results are what the n commands of a Script did, from its output. The error has the rest of an
// output that ended early.
func Results(output string, n int) ([]Ran, error) {
	var all []Ran
	for _, found := range ranMark.FindAllStringSubmatch(output, -1) {
		if found[1] != found[3] || found[1] != strconv.Itoa(len(all)) {
			return nil, fmt.Errorf("marks of commands %s and %s where %d is next", found[1], found[3], len(all))
		}
		code, err := strconv.Atoi(found[4])
		if err != nil {
			return nil, err
		}
		all = append(all, Ran{found[2], code})
	}
	if len(all) < n {
		rest := output[strings.LastIndex(output, "\x1e")+1:]
		return all, fmt.Errorf("the shell ended after %d of %d commands: %s", len(all), n, rest)
	}
	return all, nil
}

// Rewrite returns the text of a page in which the outputs of commands are others, by index.
func Rewrite(text string, commands []Command, outputs map[int][]string) string {
	lines := strings.Split(text, "\n")
	for i := len(commands) - 1; i >= 0; i-- {
		output, ok := outputs[i]
		if !ok {
			continue
		}
		from := commands[i].Line - 1 + commands[i].Lines
		to := from + len(commands[i].Output)
		lines = append(lines[:from:from], append(append([]string{}, output...), lines[to:]...)...)
	}
	return strings.Join(lines, "\n")
}
