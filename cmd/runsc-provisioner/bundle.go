package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/bundle"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

func newBundle(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Carry a release to a host without a network",
		Long: `bundle writes the installed release into one file. On another host,
apply --bundle FILE installs it from there, without any network.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBundleCreate(a))
	return cmd
}

func newBundleCreate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "create FILE",
		Short: "Write the installed release and the proof of its origin into FILE",
		Long: `create writes the release that was installed last, as it was downloaded, with the
signed index and the key that prove its origin, if its trust is signed. FILE may be
- for standard output. An existing FILE is left alone. create changes nothing else.

apply --bundle FILE checks it on the other host as it would check a server.`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			store, found, err := a.installed(cmd)
			if err != nil {
				return err
			}
			if p := found.Manifest.Package; p != nil {
				return &config.Error{Key: "release.source", Reason: fmt.Sprintf("%q: carry the package itself, %s", release.SourceSystem, p.URL())}
			}
			kept, m, err := store.Kept(found.Name)
			if err != nil {
				return err
			}
			return a.writeNew(args[0], func(w io.Writer) error { return bundle.Create(w, m, kept) })
		},
	}
}

// writeNew makes a file, which has its name only once it is complete. "-" is standard output. A file that exists belongs
// to the user.
func (a *app) writeNew(path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(a.stdout)
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = durable.RenameNew(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	a.printf("%s\n", printable(path))
	return nil
}

// carry makes this run ask a bundle in place of servers. The caller closes it.
func (a *app) carry(path, keyURL string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, err
	}
	if b.About.Arch != release.Arch() {
		return nil, errors.Join(&bundle.BadError{Path: path, Err: errors.New("it is for " + b.About.Arch + ", and this host is " + release.Arch())}, b.Close())
	}
	a.http = b.Client(keyURL)
	return b, nil
}
