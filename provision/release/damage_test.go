package release_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/release"
)

// damage changes a file of the installed release in place.
func damage(t *testing.T, r *rig) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.store.Dir, before, "runsc"), []byte("damaged"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// setCapability gives the file at path CAP_NET_RAW, as setcap cap_net_raw+ep does (linux/capability.h: revision 2, the
// effective flag, and 13 as a bit of the permitted set, in little-endian words).
func setCapability(path string) error {
	return unix.Setxattr(path, "security.capability", []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0)
}

func TestFault_R03_DamageIsSeen(t *testing.T) {
	tests := map[string]struct {
		do   func(dir string) error
		says string
	}{
		"content":            {func(dir string) error { return os.WriteFile(filepath.Join(dir, "runsc"), []byte("x"), 0o755) }, "runsc has 1 bytes"},
		"time":               {func(dir string) error { return os.Chtimes(filepath.Join(dir, "runsc"), time.Now(), time.Now()) }, "runsc was written to"},
		"mode":               {func(dir string) error { return os.Chmod(filepath.Join(dir, "gvisor-bin/gvisor_sentry"), 0o700) }, "gvisor_sentry has mode -rwx------, not 0755"},
		"setuid":             {func(dir string) error { return os.Chmod(filepath.Join(dir, "runsc"), os.ModeSetuid|0o755) }, "runsc has mode urwx"},
		"capabilities":       {func(dir string) error { return setCapability(filepath.Join(dir, "runsc")) }, "runsc has file capabilities"},
		"missing":            {func(dir string) error { return os.Remove(filepath.Join(dir, "gvisor-bin/gvisor_sentry")) }, "gvisor-bin/gvisor_sentry is missing"},
		"no directory":       {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "gvisor-bin")) }, "gvisor-bin/gvisor_sentry is missing"},
		"directory mode":     {func(dir string) error { return os.Chmod(dir, 0o750) }, ". has mode 0750"},
		"an additional file": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "gvisor-bin/new"), nil, 0o755) }, "gvisor-bin/new does not belong to the release"},
		"manifest gone":      {func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.json")) }, "manifest.json cannot be read"},
		"manifest broken":    {func(dir string) error { return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte("{"), 0o644) }, "manifest.json cannot be read: unexpected end"},
		"all gone":           {os.RemoveAll, "manifest.json cannot be read: no such file"},
		"symlink": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "runsc"), dir+".runsc"), os.Symlink(dir+".runsc", filepath.Join(dir, "runsc")))
		}, "runsc is not a regular file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			dir := filepath.Join(r.store.Dir, before)
			old, err := r.store.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := test.do(dir); errors.Is(err, unix.EPERM) {
				t.Skip("only root can give a file capabilities")
			} else if err != nil {
				t.Fatal(err)
			}
			list, err := r.store.List(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("got %+v, error %v; want one release", list, err)
			}
			if got := list[0].State; got.Intact() || !strings.Contains(got.Reason, test.says) {
				t.Errorf("got %+v, want it to say %q", got, test.says)
			}
			if !list[0].Satisfies(r.spec(before, "")) {
				t.Error("got false, want the damaged release to satisfy its name")
			}
			// The network is down: the release is restored from its archive.
			r.server.Close()
			restored, err := r.install(t, r.spec(before, ""))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(old[0], restored); diff != "" {
				t.Errorf("restored (-was +is):\n%s", diff)
			}
			if verified, err := r.store.Verify(t.Context(), before); err != nil || !verified.State.Intact() {
				t.Errorf("got %+v, error %v; want it intact", verified.State, err)
			}
		})
	}
}

func TestFault_R03_DamageThatKeepsSizeAndTime(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.store.Dir, before, "gvisor-bin", "gvisor_sentry")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := errors.Join(os.WriteFile(path, content, 0o755), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	got, err := r.store.Verify(t.Context(), before)
	if err != nil || got.State.File != "gvisor-bin/gvisor_sentry" {
		t.Errorf("got %+v, error %v; want gvisor_sentry damaged", got.State, err)
	}
	mustInstall(t, r, r.spec(before, "")) // fetches, digests, and swaps
}

func TestFault_R03_ArchiveIsDamagedToo(t *testing.T) {
	r := newRig(t)
	damage(t, r)
	kept := filepath.Join(r.store.Dir, ".archive", before, "gvisor.tar.zstd")
	content, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1 // the size stays
	if err := os.WriteFile(kept, content, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = r.store.Restore(t.Context(), before)
	var refusedErr *release.RefusedError
	if !errors.As(err, &refusedErr) || !strings.Contains(err.Error(), "expected") {
		t.Errorf("got %v, want it refused for its digest", err)
	}
	mustInstall(t, r, r.spec(before, "")) // from the network
	damage(t, r)
	r.server.Close()
	mustInstall(t, r, r.spec(before, "")) // from the new archive
}
