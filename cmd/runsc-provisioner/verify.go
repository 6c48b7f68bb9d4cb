package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/verify"
)

// pluginCodes are the exit codes of monitoring plugins, by health.
var pluginCodes = map[provision.Health]int{
	provision.Healthy: 0, provision.Warning: 1, provision.Critical: 2, provision.Unsure: 3,
}

func newVerify(a *app) *cobra.Command {
	format := formatFlag{value: "table", allowed: []string{"table", "json", "plugin"}}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Say whether the host is as wanted, and which containers are in a sandbox",
		Long: `verify looks at the host as apply would, and at every running container through
the host's process table, and changes nothing. What could not be seen is unknown,
never ok.

Exit codes are those of monitoring plugins: 0 ok, 1 warning, 2 critical,
3 unknown.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := a.verify(cmd)
			var usage *usageError
			if errors.As(err, &usage) {
				return err
			}
			if err != nil {
				return a.unknown(format.value, err)
			}
			if err := a.printVerification(format.value, v); err != nil {
				return err
			}
			if code := pluginCodes[v.health()]; code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().Var(&format, "format", "how to print it")
	return cmd
}

// verification is what verify found.
type verification struct {
	items   []provision.Item
	report  verify.Report
	managed map[string]bool // the runtimes that are ours
	// sandboxes is true where the configuration makes a sandbox the default.
	sandboxes bool
	// remapped is true where containers are to have ids of their own.
	remapped bool
}

func (a *app) verify(cmd *cobra.Command) (verification, error) {
	layered, err := provision.LoadConfig(a.paths.Config)
	if err != nil {
		return verification{}, err
	}
	return a.look(cmd.Context(), layered.Config)
}

func (a *app) look(ctx context.Context, c provision.Config) (verification, error) {
	host, done, err := a.host(ctx)
	if err != nil {
		return verification{}, err
	}
	defer done()
	observed, err := host.Observe(ctx, c)
	if err != nil {
		return verification{}, err
	}
	v := verification{managed: map[string]bool{}}
	for _, name := range c.RuntimeNames() {
		v.managed[name] = true
	}
	v.sandboxes = v.managed[c.Docker.DefaultRuntime]
	v.remapped = observed.Engine != nil && observed.Engine.UsernsRemap
	if v.items, err = provision.Checkup(c, observed); err != nil {
		return verification{}, err
	}
	v.report, err = host.Evidence(ctx, c, observed)
	return v, err
}

// health is the worst of everything that was seen.
func (v verification) health() provision.Health {
	worst := provision.Healthy
	for _, item := range v.items {
		worst = max(worst, item.Health)
	}
	for _, verdict := range v.report.Verdicts {
		worst = max(worst, v.containerHealth(verdict))
	}
	if v.report.Denied > 0 {
		worst = max(worst, provision.Unsure)
	}
	if len(v.report.Orphans) > 0 || len(v.report.Claims) > 0 {
		worst = max(worst, provision.Warning)
	}
	return worst
}

// containerHealth weighs one verdict: a container that should be in a sandbox
// and is not is critical; one that was created to run outside is a warning
// where a sandbox is the default, and nobody's business elsewhere.
func (v verification) containerHealth(verdict verify.Verdict) provision.Health {
	return max(v.sandboxHealth(verdict), v.remapHealth(verdict))
}

// remapHealth weighs whose ids a container has: one that opted out is a warning,
// any other that is not remapped where all are is critical.
func (v verification) remapHealth(verdict verify.Verdict) provision.Health {
	switch {
	case !v.remapped || verdict.Container.UIDMap == nil && verdict.Container.UsernsMode != "host", verdict.Remap == verify.Remapped:
		return provision.Healthy
	case verdict.Remap == verify.RemapUnknown:
		return provision.Unsure
	case verdict.Container.UsernsMode == "host":
		return provision.Warning
	default:
		return provision.Critical
	}
}

func (v verification) sandboxHealth(verdict verify.Verdict) provision.Health {
	switch verdict.State {
	case verify.Sandboxed:
		return provision.Healthy
	case verify.NotSandboxed:
		if v.managed[verdict.Container.Runtime] {
			return provision.Critical
		}
		if v.sandboxes {
			return provision.Warning
		}
		return provision.Healthy
	default:
		return provision.Unsure
	}
}

// counts gives the containers that are in a sandbox, outside, and unknown.
func (v verification) counts() (sandboxed, outside, unknown int) {
	for _, verdict := range v.report.Verdicts {
		switch verdict.State {
		case verify.Sandboxed:
			sandboxed++
		case verify.NotSandboxed:
			outside++
		default:
			unknown++
		}
	}
	return sandboxed, outside, unknown
}

// unknown says that nothing can be said, in the words of format.
func (a *app) unknown(format string, err error) error {
	code := pluginCodes[provision.Unsure]
	switch format {
	case "json":
		if perr := printJSON(a.stdout, struct {
			SchemaVersion int    `json:"schema_version"`
			Status        string `json:"status"`
			Error         string `json:"error"`
		}{schemaVersion, provision.Unsure.String(), err.Error()}); perr != nil {
			return perr
		}
	case "plugin":
		fmt.Fprintf(a.stdout, "RUNSC UNKNOWN - %s\n", perfText(err.Error()))
	default:
		a.explain(err)
	}
	return exitError(code)
}
