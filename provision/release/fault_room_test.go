package release_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
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
	refused[*release.SpaceError](t, r, spec, r.store.Dir, "4.4 PiB needed", "free")
}

func TestFault_D18_NoRoomInTheMiddle(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	// The archive fits five times, what is in it does not.
	zeros := make([]byte, 8<<20)
	r.publishArchive(t, pack(t, map[string][]byte{"gvisor-bin/zeros": zeros, "runsc": zeros}))
	top := t.TempDir()
	if err := unix.Mount("tmpfs", top, "tmpfs", 0, "size=4m,mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(top, unix.MNT_DETACH) })
	r.store.Dir, r.store.Link = filepath.Join(top, "lib", "gvisor"), filepath.Join(top, "bin", "runsc")
	if err := os.MkdirAll(r.store.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	refused[*release.SpaceError](t, r, r.spec(wanted, ""), r.store.Dir, "8.0 MiB needed")
}
