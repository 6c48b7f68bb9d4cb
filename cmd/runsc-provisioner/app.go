package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/systemd"
)

// app is what the commands share. Tests make one with a temporary directory.
type app struct {
	console
	paths  host.Paths
	http   *http.Client // nil: the default of package release
	limits release.Limits
	self   string // path of this program's static binary
	stdin  io.Reader
	euid   int
	owner  int // of the store: root, except in tests
	// systemd connects to the manager; the caller closes the connection.
	systemd func(context.Context) (unitsCloser, error)
	// inDocker replaces the proof through dockerd in tests with a fake dockerd.
	inDocker func(context.Context, steps.ProveInDocker) (string, error)
	verbose  bool
	// untilHangup ends a context when the terminal goes away; nil never does.
	untilHangup func(context.Context) context.Context
}

type unitsCloser interface {
	host.Units
	transaction.Jobs
	provision.ServiceJobs
	// Changes sends a hint when units may have changed, until ctx ends.
	Changes(ctx context.Context, units ...string) <-chan struct{}
	// RunPrivileged runs a program as root with all privileges, and waits for it.
	RunPrivileged(ctx context.Context, argv ...string) error
	Close()
}

func hostApp() *app {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	return &app{
		console: hostConsole(),
		euid:    os.Geteuid(),
		paths:   host.DefaultPaths(),
		self:    self,
		stdin:   os.Stdin,
		systemd: dialSystemd,

		untilHangup: untilHangup,
	}
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) int {
	out, errs := &output{w: a.stdout}, &output{w: a.stderr}
	a.stdout, a.stderr = out, errs
	root := newRoot(a) //nolint:contextcheck // cobra gives the commands theirs
	root.SetArgs(joinValues(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	a.eachOutput((*output).keepAll)
	code := a.exitCode(cmd, err, args)
	code = a.codeAfterOutput(cmd, code, out.end(ctx))
	_ = errs.end(ctx) // there is no place left to say so
	return code
}

// exitCode is the exit code of a command that returned err.
func (a *app) exitCode(cmd *cobra.Command, err error, args []string) int {
	if err == nil {
		return exitDone
	}
	var usage *usageError
	if errors.As(err, &usage) && usesPluginCodes(cmd) {
		err = a.reportUnknown(formatFromArgs(args), err)
	}
	var code exitError
	if errors.As(err, &code) {
		return int(code)
	}
	return a.explain(err)
}

// usesPluginCodes reports whether cmd exits like a monitoring plugin. A wrong command line
// is then unknown too (Monitoring Plugins Development Guidelines, "Plugin Return
// Codes").
func usesPluginCodes(cmd *cobra.Command) bool {
	return cmd.Name() == "verify" || cmd.Name() == "doctor"
}

// formatFromArgs finds the format in a command line that cobra could not parse.
func formatFromArgs(args []string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--format="); ok {
			return value
		}
		if arg == "--format" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "runsc-provisioner",
		Short: "Make Docker run its containers in gVisor, and prove that it does",
		Long: `runsc-provisioner makes Docker run its containers in gVisor's runsc.

  runsc-provisioner plan         show what apply would change
  sudo runsc-provisioner apply   install gVisor and register runsc
  sudo runsc-provisioner apply --default-runtime
                                 also run every new container in it
  sudo runsc-provisioner verify  show which containers are in a sandbox
  sudo systemctl enable --now runsc-provisioner
                                 keep the host this way; see "status"`,
		Args:          noArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// cobra's own --version uses text/template. The linker then keeps every method
	// of the program: 3 MB.
	showVersion := root.Flags().Bool("version", false, "print the version of this program")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *showVersion {
			a.printf("%s", versionText())
			return nil
		}
		return cmd.Help()
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if changesHost(cmd) {
			a.eachOutput((*output).goOn)
		}
		// SIGHUP makes the daemon read its configuration again.
		if a.untilHangup != nil && cmd.Name() != "daemon" {
			cmd.SetContext(a.untilHangup(cmd.Context()))
		}
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp())
	root.SetUsageFunc(a.printUsage)
	root.SetHelpFunc(a.printHelp)
	root.PersistentFlags().StringVar(&a.paths.Config, "config-dir", a.paths.Config, "the `DIRECTORY` with config.toml and config.d/*.toml")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log what the program looks at, as JSON, to standard error")
	root.AddCommand(newApply(a), newPlan(a), newVerify(a), newProve(a), newDaemon(a), newStatus(a), newDoctor(a), newDebugBundle(a), newConfig(a), newRollback(a), newUninstall(a), newLock(a), newBundle(a), newVersion(a))
	a.addCompletions(root)
	return root
}

// host connects to systemd and returns the Provisioner to work with. The returned
// function closes the connection.
func (a *app) host(ctx context.Context) (*provision.Provisioner, func(), error) {
	units, err := a.systemd(ctx)
	if err != nil {
		return nil, nil, blocked.SystemdSilent(err)
	}
	return a.provisioner(units), units.Close, nil
}

// provisioner is the Provisioner with a connection to systemd.
func (a *app) provisioner(units unitsCloser) *provision.Provisioner {
	return &provision.Provisioner{
		Host: *a.hostWith(units), Jobs: units, Service: units, HTTP: a.http, Limits: a.limits, ProveInDocker: a.inDocker,
	}
}

// hostWith is the host, to read only, with a connection to systemd.
func (a *app) hostWith(units host.Units) *host.Host {
	host := &host.Host{Paths: a.paths, Units: units, Owner: a.owner, Self: a.self, Log: a.logger()}
	host.Suspect = host.Touched
	return host
}

func (a *app) logger() *zap.Logger {
	if !a.verbose {
		return nil
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(logWriter{a.stderr}), zapcore.DebugLevel))
}

// systemdUnits adapts package systemd to host.Units and transaction.Jobs.
type systemdUnits struct{ *systemd.Conn }

func dialSystemd(ctx context.Context) (unitsCloser, error) {
	conn, err := systemd.Dial(ctx, "")
	if err != nil {
		return nil, err
	}
	return systemdUnits{conn}, nil
}

func (u systemdUnits) Unit(ctx context.Context, name string) (host.Unit, error) {
	unit, err := u.Conn.Unit(ctx, name)
	if errors.Is(err, systemd.ErrLost) {
		// A question changes nothing, so it is safe to ask again.
		unit, err = u.Conn.Unit(ctx, name)
	}
	return host.Unit(unit), err
}

func (u systemdUnits) Reload(ctx context.Context, name string) error {
	return outcomeUnknown(u.Conn.Reload(ctx, name))
}

func (u systemdUnits) Restart(ctx context.Context, name string) error {
	return outcomeUnknown(u.Conn.Restart(ctx, name))
}

func (u systemdUnits) Start(ctx context.Context, name string) error {
	return outcomeUnknown(u.Conn.Start(ctx, name))
}

// privilegedTimeout is longer than any proof takes.
const privilegedTimeout = 2 * time.Minute

func (u systemdUnits) RunPrivileged(ctx context.Context, argv ...string) error {
	return u.Conn.RunTransient(ctx, systemd.Transient{
		Name: "runsc-provisioner-" + strings.ToLower(rand.Text()) + ".service", Description: "runsc-provisioner: prove that a sandbox starts",
		Argv: argv, Timeout: privilegedTimeout,
	})
}

// outcomeUnknown marks the error of a job that we did not see end.
func outcomeUnknown(err error) error {
	if errors.Is(err, systemd.ErrLost) {
		return fmt.Errorf("%w: %w", transaction.ErrOutcomeUnknown, err)
	}
	return err
}
