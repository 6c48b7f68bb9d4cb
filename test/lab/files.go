package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// trustBundle is the file that OpenSSL and Go read in Debian;
// update-ca-certificates makes it from files such as localCA.
const (
	trustBundle = "/etc/ssl/certs/ca-certificates.crt"
	localCA     = "/usr/local/share/ca-certificates/runsc-provisioner-lab.crt"
)

// files returns the lab's own files, overridden by those of o, by absolute
// path.
func (h *Host) files(ctx context.Context, root *os.Root, o Options) (map[string]File, error) {
	authority, err := h.cache.authority(ctx)
	if err != nil {
		return nil, err
	}
	files := map[string]File{
		"/etc/hostname":                       {Content: h.id + "\n"},
		"/etc/hosts":                          {Content: "127.0.0.1 localhost " + h.id + " " + ReleaseHost + " " + OtherHost + "\n"},
		"/etc/machine-id":                     {Content: machineID(), Mode: 0o444},
		"/etc/systemd/system/" + releasesUnit: {Content: releasesUnitText},
	}
	for _, name := range []string{"server.pem", "server.key", "ca.pem"} {
		text, err := os.ReadFile(filepath.Join(authority, name))
		if err != nil {
			return nil, err
		}
		files[labDir+"/"+name] = File{Content: string(text), Mode: 0o600}
	}
	bundle, err := root.ReadFile(trustBundle[1:])
	if err != nil {
		return nil, err
	}
	ca := files[labDir+"/ca.pem"].Content
	files[localCA] = File{Content: ca}
	files[trustBundle] = File{Content: string(bundle) + ca}
	if o.Binary != NoBinary {
		unit, err := productUnit(ctx)
		if err != nil {
			return nil, err
		}
		files[productUnitPath] = File{Content: unit}
	}
	if !o.WithoutConfig {
		files[LabConfigPath] = File{Content: LabConfig}
	}
	for name, f := range o.Files {
		if !path.IsAbs(name) {
			return nil, fmt.Errorf("file %q: want an absolute path", name)
		}
		files[path.Clean(name)] = f
	}
	return files, nil
}

// productUnitPath is where `make install` puts the product's unit.
const productUnitPath = "/usr/local/lib/systemd/system/runsc-provisioner.service"

// productUnit is the product's unit as `make install` writes it.
func productUnit(ctx context.Context) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "packaging/runsc-provisioner.service"))
	return strings.NewReplacer("@BINDIR@", "/usr/local/bin", "@DOCDIR@", "/usr/local/share/doc/runsc-provisioner").Replace(string(text)), err
}

// machineID returns a new one (machine-id(5)): hosts with the same root must
// differ.
func machineID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // crypto/rand never returns an error
	return fmt.Sprintf("%x\n", id)
}

// writeFile writes f at name, a path in root.
func writeFile(root *os.Root, name string, f File) error {
	mode := f.Mode
	if mode == 0 {
		mode = 0o644
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	// Remove it first: it may be a symlink to another place.
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := root.WriteFile(name, []byte(f.Content), mode); err != nil {
		return err
	}
	return root.Chmod(name, mode) // not subject to the umask
}

// copyInto copies the program at source on the machine to target in root.
func copyInto(root *os.Root, source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := root.MkdirAll(path.Dir(target), 0o755); err != nil {
		return err
	}
	out, err := root.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Chmod(0o755); err != nil {
		return err
	}
	return out.Close()
}
