package state

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
)

// Opening a FIFO waits for its other end: every run would hang.
func TestFault_X11_ALockThatIsAFIFO(t *testing.T) {
	d := Dir(t.TempDir())
	path := filepath.Join(string(d), "lock")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := d.Lock(t.Context(), 0)
	var refusal *blocked.Refused
	if !errors.As(err, &refusal) || refusal.Object != path {
		t.Errorf("got %v, want %s refused", err, path)
	}
}
