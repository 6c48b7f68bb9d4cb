package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/metrics"
	"runsc-provisioner/verify"
)

// pluginCodes are the exit codes of monitoring plugins, by health.
var pluginCodes = map[provision.Health]int{
	provision.Healthy: 0, provision.Warning: 1, provision.Critical: 2, provision.Unsure: 3,
}

// verifyFlags are verify's.
type verifyFlags struct {
	format  formatFlag
	explain string
	expect  []string
	require []string
	failOn  []string
	least   string
	maxAge  string
	deep    bool
	schema  bool
	timeout time.Duration // 0 is patience or deepPatience
}

// patience is less than the 10 s after which NRPE ends a plugin, whose output is
// lost then. Every file is read in less than deepPatience.
const (
	patience     = 9 * time.Second
	deepPatience = 2 * time.Minute
)

func newVerify(a *app) *cobra.Command {
	f := verifyFlags{format: formatFlag{value: "table", allowed: []string{"table", "json", "plugin", "prometheus"}}}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Say whether the host is as wanted, and which containers are in a sandbox",
		Long: `verify looks at the host as apply would, and at every running container through
the host's process table, and changes nothing. What could not be seen is unknown,
never ok.

Exit codes are those of monitoring plugins: 0 ok, 1 warning, 2 critical,
3 unknown.`,
		Example: `  sudo runsc-provisioner verify
  sudo runsc-provisioner verify --explain web
  sudo runsc-provisioner verify --expect all --fail-on weakening --max-age 90d --format plugin
  sudo runsc-provisioner verify --expect web,db --require-sandbox label=untrusted`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runVerify(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.Var(&f.format, "format", "how to print it")
	flags.StringVar(&f.explain, "explain", "", "look at one container, by name or ID, and say what was read where")
	flags.StringSliceVar(&f.expect, "expect", []string{"default"}, "what is expected of containers: default (as configured), all in a sandbox, some (at least one), or these, by name or ID")
	flags.StringArrayVar(&f.require, "require-sandbox", nil, "label=KEY or label=KEY=VALUE: containers with it are to be in a sandbox")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "what is critical too: weakening, ways-around")
	flags.StringVar(&f.least, "min-release", "", "the oldest release that containers may run from")
	flags.StringVar(&f.maxAge, "max-age", "", "how old that release may be, in days: 90d")
	flags.BoolVar(&f.deep, "deep", false, "read every file of every release, and the kept archive")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long it may take before all is unknown (default 9s, with --deep 2m)")
	flags.StringVar(&a.paths.Proc, "proc", a.paths.Proc, "the host's /proc, where it is mounted in a container")
	flags.BoolVar(&f.schema, "json-schema", false, "print the JSON Schema of --format json, and look at nothing")
	return cmd
}

func (a *app) runVerify(ctx context.Context, f verifyFlags) error {
	if f.schema {
		a.printf("%s", verifySchema)
		return nil
	}
	expect, err := f.expectation()
	if err != nil {
		return &usageError{err}
	}
	v, err := a.verifyWithin(ctx, f.patience(), expect, f.explain)
	if err != nil {
		return a.unknown(f.format.value, err)
	}
	if f.explain != "" && f.format.value == "table" {
		a.printExplanation(v)
	} else if err := a.printVerification(f.format.value, v); err != nil {
		return err
	}
	if code := pluginCodes[v.Health()]; code != 0 {
		return exitError(code)
	}
	return nil
}

func (f verifyFlags) patience() time.Duration {
	switch {
	case f.timeout > 0:
		return f.timeout
	case f.deep:
		return deepPatience
	default:
		return patience
	}
}

// errSlow ends a verification that takes too long.
type errSlow struct{ within time.Duration }

func (e errSlow) Error() string { return "no answer within " + e.within.String() }

// verifyWithin is verify that ends in time, also where the kernel does not let
// go of a system call.
func (a *app) verifyWithin(ctx context.Context, within time.Duration, expect provision.Expect, one string) (provision.Verification, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSlow{within})
	defer cancel()
	type answer struct {
		v   provision.Verification
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := a.verify(ctx, expect, one)
		answers <- answer{v, err}
	}()
	select {
	case got := <-answers:
		return got.v, got.err
	case <-ctx.Done():
	}
	// Who was asked last says more than that time is over.
	const grace = 500 * time.Millisecond
	select {
	case got := <-answers:
		return got.v, got.err
	case <-time.After(grace):
		return provision.Verification{}, fmt.Errorf("look at the host: %w", context.Cause(ctx))
	}
}

// expectation reads the flags that say what is expected.
func (f verifyFlags) expectation() (provision.Expect, error) {
	e := provision.Expect{MinRelease: f.least, Deep: f.deep}
	if len(f.expect) == 0 {
		return e, errors.New("--expect: nothing is expected; default, all, some or names are")
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
	for _, text := range f.require {
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
	if err := e.Validate(); err != nil {
		return e, err
	}
	return e, nil
}

// parseAge reads days ("90d"), or what time.ParseDuration takes.
func parseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	const day, most = 24 * time.Hour, 36500
	var n int
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if _, err := fmt.Sscanf(number+"\n", "%d\n", &n); err != nil || n < 1 || n > most || fmt.Sprint(n) != number {
			return 0, fmt.Errorf("%q is not a number of days such as 90d", text)
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no age such as 90d or 36h", text)
	}
	return d, nil
}

// verify looks at the host, or at the one container called one.
func (a *app) verify(ctx context.Context, expect provision.Expect, one string) (provision.Verification, error) {
	layered, err := provision.LoadConfig(a.paths.Config)
	if err != nil {
		return provision.Verification{}, err
	}
	host, done := a.anyHost(ctx)
	defer done()
	if one != "" {
		return host.VerifyOne(ctx, layered.Config, expect, one)
	}
	return host.Verify(ctx, layered.Config, expect)
}

// noUnits is a systemd that cannot be asked, as in a container.
type noUnits struct{ why error }

func (u noUnits) Unit(context.Context, string) (provision.Unit, error) {
	return provision.Unit{}, u.why
}
func (u noUnits) Reload(context.Context, string) error      { return u.why }
func (u noUnits) Restart(context.Context, string) error     { return u.why }
func (u noUnits) Start(context.Context, string) error       { return u.why }
func (u noUnits) ResetFailed(context.Context, string) error { return u.why }
func (u noUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return nil, u.why
}

// unknown says that nothing can be said, in the words of format.
func (a *app) unknown(format string, err error) error {
	code := pluginCodes[provision.Unsure]
	hint := lookHint(err)
	// errors.Join puts each of its errors on a line of its own.
	said := strings.ReplaceAll(err.Error(), "\n", ": ")
	switch format {
	case "json":
		if perr := printJSON(a.stdout, struct {
			SchemaVersion int    `json:"schema_version"`
			Status        string `json:"status"`
			Error         string `json:"error"`
			Remedy        string `json:"remedy,omitempty"`
		}{schemaVersion, provision.Unsure.String(), said, hint}); perr != nil {
			return perr
		}
	case "plugin":
		text := said
		if hint != "" {
			text += ": " + hint
		}
		fmt.Fprintf(a.stdout, "RUNSC UNKNOWN - %s\n", perfText(text))
	case "prometheus":
		a.tell(err, hint)
		if perr := metrics.WriteUnknown(a.stdout); perr != nil {
			return perr
		}
	default:
		a.tell(err, hint)
	}
	return exitError(code)
}

// printExplanation says of one container what was read, where, and what that
// means.
func (a *app) printExplanation(v provision.Verification) {
	colors := map[verify.CheckState]string{verify.Passed: green, verify.Limited: yellow, verify.Unread: yellow, verify.Failed: red}
	for _, verdict := range v.Report.Verdicts {
		c := verdict.Container
		a.printf("Container %s (%.12s) is %s", verify.Printable(c.Name), c.ID, verdict.State)
		if verdict.Release != "" {
			a.printf(", in release %s", verdict.Release)
		}
		a.printf(".\n")
		if why := v.Outside[c.ID]; why != "" {
			a.printf("It is outside because it was %s.\n", strings.TrimPrefix(why, "was "))
		}
		for _, check := range verdict.Checks {
			a.printf("\n%s: %s\n", a.style(bold, check.Name), a.style(colors[check.State], check.State.String()))
			a.printf("  It asks %s.\n", verify.About(check.Name))
			a.printf("  Expected was: %s.\n", check.Expected)
			a.printf("  Seen was: %s.\n", check.Seen)
			a.printf("  It was read from %s.\n", check.Source)
		}
		for _, w := range verdict.Weaknesses {
			a.printf("\n%s %s\n  It means: %s.\n  It was read from %s; gVisor says so in %s.\n", a.style(yellow, "weakened by"), w.Setting, w.Gives, w.Where, w.Source)
		}
		for _, w := range verdict.Ways {
			a.printf("\n%s %s\n  It gives %s.\n", a.style(yellow, "way around:"), w.What, w.Gives)
		}
	}
	a.printf("\n")
	a.printFindings(v, func(f provision.Finding) bool { return strings.HasPrefix(f.Object, "container ") })
}

// printFindings ends with the overall status, and what to do about each thing.
func (a *app) printFindings(v provision.Verification, shown func(provision.Finding) bool) {
	colors := map[provision.Health]string{
		provision.Healthy: green, provision.Warning: yellow, provision.Unsure: yellow, provision.Critical: red,
	}
	a.printf("%s\n", a.style(colors[v.Health()], v.Health().String()))
	const most = 50
	findings := slices.DeleteFunc(slices.Clone(v.Findings), func(f provision.Finding) bool { return !shown(f) })
	for i, f := range findings {
		if i == most {
			a.printf("  … and %d more (--format json lists all)\n", len(findings)-most)
			break
		}
		a.printf("  %s: %s: %s\n    → %s\n", f.Health, printable(f.Object), printable(f.Seen), printable(f.Remedy))
	}
}
