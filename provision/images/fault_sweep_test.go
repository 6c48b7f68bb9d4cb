package images

import (
	"errors"
	"os"
	"testing"
)

// A run sweeps before it moves damaged records away.
func TestFault_X11_SweepLeavesADirectoryToMend(t *testing.T) {
	d := Dir(t.TempDir())
	if err := errors.Join(os.Mkdir(d.ArchivePath(), 0o700), os.WriteFile(d.ArchivePath()+"/own", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(); err != nil {
		t.Errorf("got %v, want it left alone", err)
	}
}
