package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

func newDoctor(a *app) *cobra.Command {
	format := formatFlag{value: "table", allowed: []string{"table", "json"}}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps gVisor, Docker or this program from working here",
		Long: `doctor looks at kernel, cgroups, KVM, subordinate ids, units, Docker's API, room,
proxy and clock, each by itself, and changes nothing.

Exit codes are those of verify: 0 ok, 1 warning, 2 critical, 3 unknown.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			items, done := a.doctor(cmd.Context())
			defer done()
			worst := provision.Healthy
			for _, item := range items {
				worst = max(worst, item.Health)
			}
			if err := a.printDoctor(a.stdout, format.value, worst, items); err != nil {
				return err
			}
			if code := pluginCodes[worst]; code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().Var(&format, "format", "how to print it")
	return cmd
}

// doctor gives the items, and ends the connection.
func (a *app) doctor(ctx context.Context) ([]provision.Item, func()) {
	config, confErr := a.configOrDefault()
	host, done := a.anyHost(ctx)
	return host.Doctor(ctx, config, confErr, os.Getenv), done
}

// configOrDefault is the configuration, or the default one and why.
func (a *app) configOrDefault() (provision.Config, error) {
	layered, err := provision.LoadConfig(a.paths.Config)
	if err != nil {
		return provision.DefaultConfig(), err
	}
	return layered.Config, nil
}

// anyHost is host, also where systemd cannot be asked, or does not answer.
func (a *app) anyHost(ctx context.Context) (*provision.Host, func()) {
	var host *provision.Host
	var done func()
	err := provision.Ask(ctx, provision.AnswerWithin, func(ctx context.Context) (err error) {
		host, done, err = a.host(ctx)
		return err
	})
	if err == nil {
		return host, done
	}
	var reach *provision.OutOfReach
	if errors.As(err, &reach) {
		err = reach.Err
	}
	return a.hostWith(noUnits{err}), func() {}
}

func (a *app) printDoctor(w io.Writer, format string, worst provision.Health, items []provision.Item) error {
	if format == "json" {
		return printJSON(w, struct {
			SchemaVersion int              `json:"schema_version"`
			Status        provision.Health `json:"status"`
			Items         []provision.Item `json:"items"`
		}{schemaVersion, worst, items})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tSTATUS\tSEEN")
	for _, item := range items {
		// errors.Join puts each of its errors on a line of its own.
		fmt.Fprintf(table, "%s\t%s\t%s\n", printable(item.Name), item.Health, printable(strings.ReplaceAll(item.Seen, "\n", ": ")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n", worst)
	for _, item := range items {
		if item.Health != provision.Healthy && item.Remedy != "" {
			fmt.Fprintf(w, "  %s: %s\n", printable(item.Name), printable(item.Remedy))
		}
	}
	return nil
}

func newDebugBundle(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "debug-bundle [FILE]",
		Short: "Write what a maintainer needs to help into a .tar.gz, and nothing secret",
		Long: `debug-bundle writes what doctor and verify say, the status, configuration, plan,
releases and the last lines of this program's journal. daemon.json is masked as in
a diff, dockerd's flags and variables are shown without values that could be secret,
and what looks like a secret is taken out of everything. Names of containers and
images are in it: look before you send it. FILE may be - for standard output.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			path := "runsc-provisioner-debug-" + now.UTC().Format("20060102T150405Z") + ".tar.gz"
			if len(args) == 1 {
				path = args[0]
			}
			bundle, err := a.bundle(cmd.Context(), now)
			if err != nil {
				return err
			}
			if path == "-" {
				_, err := a.stdout.Write(bundle)
				return err
			}
			// Whose file it is already is not ours to overwrite.
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			if _, err := f.Write(bundle); err != nil {
				return errors.Join(err, f.Close(), os.Remove(path))
			}
			if err := f.Close(); err != nil {
				return err
			}
			a.printf("%s\n", printable(path))
			return nil
		},
	}
}

// bundle makes the archive. What cannot be had is said in its place.
func (a *app) bundle(ctx context.Context, now time.Time) ([]byte, error) {
	host, done := a.anyHost(ctx)
	defer done()
	config, _ := a.configOrDefault() // config.txt says what is wrong with it
	files := host.Facts(ctx, config)
	files["version.txt"] = fmt.Sprintf("runsc-provisioner %s %s/%s %s\nmade %s\n", version(), runtime.GOOS, runtime.GOARCH, runtime.Version(), now.UTC().Format(time.RFC3339))
	// Each is what the command prints, under a name of its own.
	for name, args := range map[string][]string{
		"verify.json": {"verify", "--format=json"},
		"verify.txt":  {"verify"},
		"status.txt":  {"status"},
		"plan.txt":    {"plan"},
		"config.txt":  {"config", "show"},
		"doctor.txt":  {"doctor"},
	} {
		var out bytes.Buffer
		quiet := *a
		quiet.stdout, quiet.stderr, quiet.color, quiet.terminal, quiet.verbose = &out, &out, false, false, false
		args = append(args, "--config-dir="+a.paths.Config)
		code := run(ctx, &quiet, args)
		text := out.String()
		if name != "verify.json" {
			text += fmt.Sprintf("\nexit %d\n", code)
		}
		files[name] = provision.Redact(text)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return archive(files, now)
}

func archive(files map[string]string, now time.Time) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	tarball := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "runsc-provisioner-debug/" + name, Mode: 0o600, Size: int64(len(files[name])), ModTime: now, Format: tar.FormatPAX}
		if err := tarball.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(tarball, files[name]); err != nil {
			return nil, err
		}
	}
	if err := tarball.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
