package release_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/room"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/need"
)

func TestFault_D18_NoRoomIsSeenBefore(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	r.source.Limits.ArtifactBytes = 1 << 60
	spec := r.flaky(t, "gvisor.tar.zstd", 1, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000000000000") // 1 PB
		_, _ = w.Write(make([]byte, 1024))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	refused[*room.Error](t, r, spec, r.store.Dir, "4.4 PiB needed", "free")
}

// larger publishes a release with an archive that fits five times into 4 MiB,
// and a content that does not fit once.
func (r *rig) larger(t *testing.T) {
	t.Helper()
	r.publish(t, fakerunsc.Zstd)
	zeros := make([]byte, 8<<20)
	r.publishArchive(t, pack(t, map[string][]byte{"gvisor-bin/zeros": zeros, "runsc": zeros}))
}

// storeAt makes a store on the file system that is mounted at top.
func (r *rig) storeAt(t *testing.T, top string) {
	t.Helper()
	t.Cleanup(func() { _ = unix.Unmount(top, unix.MNT_DETACH) })
	r.store.Dir, r.store.Link = filepath.Join(top, "lib", "gvisor"), filepath.Join(top, "bin", "runsc")
	if err := os.MkdirAll(r.store.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestFault_D18_NoRoomInTheMiddle(t *testing.T) {
	need.Root(t)
	r := newRig(t)
	r.larger(t)
	top := t.TempDir()
	if err := unix.Mount("tmpfs", top, "tmpfs", 0, "size=4m,mode=0755"); err != nil {
		t.Fatal(err)
	}
	r.storeAt(t, top)
	refused[*room.Error](t, r, r.spec(wanted, ""), r.store.Dir, "8.0 MiB needed")
}

// A real quota needs a kernel and a file system that support it, and root
// without CAP_SYS_RESOURCE. To a program it is only an error, which strace
// injects here: at once, or at the sync, as on network file systems.
func TestFault_D18_QuotaIsMetInTheMiddle(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	for _, inject := range []string{"fallocate:error=EDQUOT", "fallocate:error=ENOSPC", "fsync:error=EDQUOT", "fsync:error=ENOSPC"} {
		t.Run(inject, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "gvisor")
			if err := os.Mkdir(store, 0o755); err != nil {
				t.Fatal(err)
			}
			call, _, _ := strings.Cut(inject, ":")
			under := []string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + inject}
			got := inChildUnder(t, under, store, r.spec(wanted, "").URL, r.server)
			if strings.Contains(got, "ptrace") {
				t.Skip(got)
			}
			if !strings.Contains(got, store) || !strings.Contains(got, "needed, ") {
				t.Errorf("got %q, want it to say what is needed in %s", got, store)
			}
			if left, err := os.ReadDir(store); err != nil || len(left) > 0 {
				t.Errorf("got %v, %v left in the store, want nothing", left, err)
			}
		})
	}
}

func TestFault_D18_ReadOnlyStore(t *testing.T) {
	need.Root(t)
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	top := t.TempDir()
	if err := unix.Mount("tmpfs", top, "tmpfs", 0, "size=4m,mode=0755"); err != nil {
		t.Fatal(err)
	}
	r.storeAt(t, top)
	if err := unix.Mount("", top, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	old := r.snapshot(t)
	_, err := r.install(t, r.spec(wanted, ""))
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), r.store.Dir) {
		t.Errorf("got %v, want %v that names %s", err, unix.EROFS, r.store.Dir)
	}
	if got := len(r.requests); got != 0 {
		t.Errorf("got %d requests, want it seen before", got)
	}
	if is := r.snapshot(t); is != old {
		t.Errorf("store changed\nfrom\n%s\nto\n%s", old, is)
	}
}
