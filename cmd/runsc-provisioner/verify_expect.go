package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"runsc-provisioner/provision/audit"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	format         formatFlag
	explain        string
	expect         []string
	requireSandbox []string
	failOn         []string
	minRelease     string
	maxAge         string
	deep           bool
	schema         bool
	timeout        time.Duration // 0 is verifyTimeout or deepVerifyTimeout
}

// verifyTimeout is less than the 10 s after which NRPE ends a plugin and drops its
// output. To read every file takes less than deepVerifyTimeout.
const (
	verifyTimeout     = 9 * time.Second
	deepVerifyTimeout = 2 * time.Minute
)

func (f verifyFlags) timeLimit() time.Duration {
	switch {
	case f.timeout > 0:
		return f.timeout
	case f.deep:
		return deepVerifyTimeout
	default:
		return verifyTimeout
	}
}

// expectation turns the flags into an Expect.
func (f verifyFlags) expectation() (audit.Expect, error) {
	e := audit.Expect{MinRelease: f.minRelease, Deep: f.deep}
	if len(f.expect) == 0 {
		return e, errors.New("--expect: is empty, want default, all, some or names")
	}
	for _, word := range f.expect {
		switch word {
		case "default":
		case "all":
			e.All = true
		case "some":
			e.Some = true
		case "":
			return e, errors.New("--expect: a name is empty")
		default:
			e.Containers = append(e.Containers, word)
		}
	}
	for _, text := range f.requireSandbox {
		label, ok := strings.CutPrefix(text, "label=")
		if !ok {
			return e, fmt.Errorf("--require-sandbox: %q does not begin with label=", text)
		}
		e.Labels = append(e.Labels, label)
	}
	for _, word := range f.failOn {
		switch word {
		case "weakening":
			e.Weakening = true
		case "ways-around":
			e.WaysAround = true
		default:
			return e, fmt.Errorf("--fail-on: %q is not one of: weakening, ways-around", word)
		}
	}
	var err error
	if e.MaxAge, err = parseAge(f.maxAge); err != nil {
		return e, fmt.Errorf("--max-age: %w", err)
	}
	if f.explain != "" && (e.Some || len(e.Containers) > 0) {
		return e, errors.New("--expect: --explain looks at one container, so --expect must be default or all")
	}
	if err := e.Validate(); err != nil {
		return e, err
	}
	return e, nil
}

// parseAge reads a number of days: a release has a date and no hour.
func parseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	const day, most = 24 * time.Hour, 36500
	number, ok := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > most || strconv.Itoa(n) != number {
		return 0, fmt.Errorf("%q is not a number of days such as 90d", text)
	}
	return time.Duration(n) * day, nil
}
