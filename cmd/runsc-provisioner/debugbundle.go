package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

func newDebugBundle(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "debug-bundle [FILE]",
		Short: "Collect what a maintainer needs into a .tar.gz, without secrets",
		Long: `debug-bundle writes the output of doctor and verify, the status, configuration,
plan, releases, and the last lines of this program's journal. FILE may be - for
standard output.

It removes secrets: daemon.json is masked as in a diff, dockerd's flags and
variables have no values that could be secret, and anything that looks like a
secret is removed. The names of containers and images stay, so look at the bundle
before you send it.

It takes a few seconds, even if Docker or systemd hangs.`,
		Args: fewArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			path := "runsc-provisioner-debug-" + now.UTC().Format("20060102T150405Z") + ".tar.gz"
			if len(args) == 1 {
				path = args[0]
			}
			return a.writeBundle(cmd.Context(), path, now)
		},
	}
}

// writeBundle makes the file before it collects anything, so that a file that
// cannot be written fails at once.
func (a *app) writeBundle(ctx context.Context, path string, now time.Time) error {
	return a.writeNew(path, func(w io.Writer) error { return a.bundleTo(ctx, w, now) })
}

// bundleTo writes the archive. Where a part failed, the archive has its error.
func (a *app) bundleTo(ctx context.Context, w io.Writer, now time.Time) error {
	files := collector{app: a, timeout: partTimeout, noticeAfter: partNoticeAfter, grace: partGrace}.collect(ctx, bundleParts(a, now))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	bundle, err := archive(files, now)
	if err != nil {
		return err
	}
	_, err = w.Write(bundle)
	return err
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
