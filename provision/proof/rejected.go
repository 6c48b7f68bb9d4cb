package proof

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/command"
)

// probeArg follows the arguments that runsc is asked about: runsc reads its whole command
// line, prints its version and ends (gVisor, runsc/cli Run).
const probeArg = "--version"

// NamesFlag reports whether runsc's own error is about a flag of its command line.
func (f *Failed) NamesFlag() bool {
	_, found := findFlagError(f.Output)
	return !f.InDocker && found
}

// Rejected returns those of args that runsc of a release rejects when it reads its command
// line. It asks runsc, outside Docker, with the arguments and without those that it names,
// until it accepts the rest. An argument with a value of its own is both, joined by a blank.
// If runsc fails for another reason, or its error fits no argument, Rejected returns none.
func (r Runner) Rejected(ctx context.Context, release string, args []string) (rejected []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	installed, err := r.Installed(ctx, release)
	if err != nil {
		return nil, err
	}
	for rest := args; ; {
		var output command.Output
		cmd, err := command.Contain("", func() *exec.Cmd {
			cmd := command.New(ctx, installed.Runsc, append(slices.Clone(rest), probeArg)...)
			cmd.Stdout, cmd.Stderr = &output, &output
			return cmd
		})
		if err == nil {
			err = cmd.Wait()
		}
		var exit *exec.ExitError
		switch {
		case err == nil:
			return rejected, nil
		case ctx.Err() != nil, !errors.As(err, &exit):
			err = errors.Join(err, context.Cause(ctx))
			return nil, fmt.Errorf("ask runsc of %s which arguments it rejects: %w", release, err)
		}
		said, found := findFlagError(output.String())
		if !found {
			return nil, nil
		}
		named, left := said.split(rest)
		if len(named) == 0 {
			return nil, nil // it rejects something else
		}
		rejected, rest = append(rejected, named...), left
	}
}

// flagError is an error of Go's package flag, which reads runsc's command line.
type flagError struct {
	name     string // of the flag, without dashes
	value    string // that is not valid
	hasValue bool   // otherwise every value is rejected
}

// flagErrors match the errors about one flag (Go, flag.FlagSet parseOne). A value is quoted
// as in Go.
var flagErrors = []func() *regexp.Regexp{
	pattern.Lazy(`^flag provided but not defined: -(?P<name>\S+)$`),
	pattern.Lazy(`^invalid (?:boolean )?value (?P<value>"(?:[^"\\]|\\.)*") for (?:flag )?-(?P<name>\S+): `),
	pattern.Lazy(`^invalid boolean flag (?P<name>\S+): `),
	pattern.Lazy(`^flag needs an argument: -(?P<name>\S+)$`),
}

// findFlagError finds the first error about a flag in runsc's output. Warnings may come
// before it, and the usage after it.
func findFlagError(output string) (flagError, bool) {
	for line := range strings.Lines(output) {
		for _, compiled := range flagErrors {
			form := compiled()
			m := form.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
			if m == nil {
				continue
			}
			found := flagError{name: m[form.SubexpIndex("name")]}
			if i := form.SubexpIndex("value"); i > 0 {
				var err error
				if found.value, err = strconv.Unquote(m[i]); err != nil {
					continue
				}
				found.hasValue = true
			}
			return found, true
		}
	}
	return flagError{}, false
}

// split separates the arguments that e is about from the others. Both keep their order.
func (e flagError) split(args []string) (named, left []string) {
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		unit := args[i : i+1]
		// A flag may have its value in the next argument. What follows a boolean flag begins
		// with a dash: anything else would be taken for the command.
		if !joined && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			unit, value, joined = args[i:i+2], args[i+1], true
		}
		next := probeArg
		if i+1 < len(args) {
			next = args[i+1]
		}
		isFlag := strings.HasPrefix(args[i], "-")
		// Without a value, the next argument may have been taken for it.
		fits := !e.hasValue || value == e.value || !joined && next == e.value
		if isFlag && name == e.name && fits {
			if text := strings.Join(unit, " "); !slices.Contains(named, text) {
				named = append(named, text)
			}
		} else {
			left = append(left, unit...)
		}
		i += len(unit) - 1
	}
	return named, left
}
