package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/metrics"
)

// pluginCodes are the exit codes of monitoring plugins, by health.
var pluginCodes = map[checkup.Health]int{
	checkup.Healthy: 0, checkup.Warning: 1, checkup.Critical: 2, checkup.Unsure: 3,
}

func newVerify(a *app) *cobra.Command {
	f := verifyFlags{format: formatFlag{value: "table", allowed: []string{"table", "json", "plugin", "prometheus"}}}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Say whether the host matches its configuration, and which containers are in a sandbox",
		Long: `verify looks at the host as apply would, and at every running container through
the host's process table. It changes nothing. What it could not see is unknown,
never ok.

It exits like a monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown.`,
		Example: `  sudo runsc-provisioner verify
  sudo runsc-provisioner verify --explain web
  sudo runsc-provisioner verify --expect all --fail-on weakening --format plugin
  sudo runsc-provisioner verify --max-age 90d --require-sandbox label=untrusted`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runVerify(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.Var(&f.format, "format", "print the result in this `FORMAT`: "+f.format.Type())
	flags.StringVar(&f.explain, "explain", "", "check only the container `NAME` (or ID), and show what was read and where")
	flags.StringSliceVar(&f.expect, "expect", []string{"default"}, "the `CONTAINERS` that must be in a sandbox, else the result is critical: names or IDs, all, some (at least one), or default (those that the configuration puts there)")
	flags.StringArrayVar(&f.requireSandbox, "require-sandbox", nil, "containers with this label must be in a sandbox too; `LABEL` is label=KEY or label=KEY=VALUE")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "`WHAT` is critical too: weakening (a setting that weakens the sandboxes), ways-around (what leads a container around its sandbox, such as --privileged)")
	flags.StringVar(&f.minRelease, "min-release", "", "the oldest `RELEASE` that containers may run from, such as 20260914.0; an older one is critical")
	flags.StringVar(&f.maxAge, "max-age", "", "the greatest `AGE` of the release that containers run from, in days, such as 90d; an older one is critical")
	flags.BoolVar(&f.deep, "deep", false, "read every file of every installed release, and its archive, and compare their digests")
	flags.DurationVar(&f.timeout, "timeout", 0, "take at most this `DURATION`; after it, the result is unknown (default 9s, with --deep 2m)")
	flags.StringVar(&a.paths.Proc, "proc", a.paths.Proc, "the `DIRECTORY` where the host's /proc is mounted, if verify runs in a container")
	flags.BoolVar(&f.schema, "json-schema", false, "print the JSON Schema of --format=json, and look at nothing")
	return cmd
}

func (a *app) runVerify(ctx context.Context, f verifyFlags) error {
	if f.schema {
		a.printRaw(verifySchema)
		return nil
	}
	expect, err := f.expectation()
	if err != nil {
		return &usageError{error: err}
	}
	v, err := a.verifyInTime(ctx, f.timeLimit(), expect, f.explain)
	if err != nil {
		return a.reportUnknown(f.format.value, err)
	}
	if err := a.printAtOnce(func(to *console) error {
		if f.explain != "" && f.format.value == "table" {
			to.printExplanation(v)
			return nil
		}
		return to.printVerification(f.format.value, v)
	}); err != nil {
		return a.reportUnknown("", fmt.Errorf("print the result: %w", err))
	}
	if code := pluginCodes[v.Health()]; code != 0 {
		return exitError(code)
	}
	return nil
}

// printAtOnce writes the output of print at once, or returns the error.
func (to *console) printAtOnce(print func(*console) error) error {
	var out bytes.Buffer
	all := *to
	all.stdout = &out
	if err := print(&all); err != nil {
		return err
	}
	_, err := to.stdout.Write(out.Bytes())
	return err
}

// verifyInTime is verify, but ends in time, even if the kernel never returns from a
// system call.
func (a *app) verifyInTime(ctx context.Context, timeout time.Duration, expect audit.Expect, container string) (audit.Verification, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &host.NoAnswer{Within: timeout})
	defer cancel()
	type answer struct {
		v   audit.Verification
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := a.verify(ctx, expect, container)
		answers <- answer{v, err}
	}()
	select {
	case got := <-answers:
		return got.v, got.err
	case <-ctx.Done():
	}
	// An error from verify names what did not answer: better than "time is over".
	const grace = 500 * time.Millisecond
	select {
	case got := <-answers:
		return got.v, got.err
	case <-time.After(grace):
		return audit.Verification{}, fmt.Errorf("look at the host: %w", context.Cause(ctx))
	}
}

// verify looks at the host, or only at one container.
func (a *app) verify(ctx context.Context, expect audit.Expect, container string) (audit.Verification, error) {
	in, wrong, err := a.inEffect()
	if err != nil {
		return audit.Verification{}, err
	}
	host, done := a.hostEvenWithoutSystemd(ctx)
	defer done()
	var v audit.Verification
	if container != "" {
		v, err = audit.VerifyOne(ctx, host, in.Config, expect, container)
	} else {
		v, err = audit.Verify(ctx, host, in.Config, expect)
	}
	if err != nil {
		return v, err
	}
	v.AddConfig(host, wrong)
	return v, nil
}

// reportUnknown reports in format that the result is unknown, because of err.
func (to *console) reportUnknown(format string, err error) error {
	code := pluginCodes[checkup.Unsure]
	hint := lookHint(err)
	// errors.Join puts each of its errors on a line of its own.
	message := strings.ReplaceAll(err.Error(), "\n", ": ")
	switch format {
	case "json":
		if perr := printJSON(to.stdout, struct {
			SchemaVersion int    `json:"schema_version"`
			Status        string `json:"status"`
			Error         string `json:"error"`
			Remedy        string `json:"remedy,omitempty"`
		}{schemaVersion, checkup.Unsure.String(), message, hint}); perr != nil {
			return perr
		}
	case "plugin":
		text := message
		if hint != "" {
			text += ": " + hint
		}
		to.printRaw("RUNSC UNKNOWN - " + perfText(text) + "\n")
	case "prometheus":
		to.printError(err, hint)
		if perr := metrics.WriteUnknown(to.stdout); perr != nil {
			return perr
		}
	default:
		to.printError(err, hint)
	}
	return exitError(code)
}
