package dataroot

import (
	"testing"

	"runsc-provisioner/provision/engine"
)

func TestCopyCommand(t *testing.T) {
	for _, tt := range []struct {
		volume engine.Volume
		want   string
	}{
		{engine.Volume{Name: "data", Driver: "local", Mountpoint: "/srv/it's here/data/_data"}, `tar --numeric-owner -C '/srv/it'\''s here/data/_data' -cf - . | docker run --rm -i -v data:/to IMAGE tar -C /to -xf -`},
		{engine.Volume{Name: "nfs", Driver: "local", Mountpoint: "/x", Mounts: true}, "its options mount something: create it again with the same options"},
		{engine.Volume{Name: "far", Driver: "rexray"}, "driver rexray"},
	} {
		if got := CopyCommand(tt.volume); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.volume.Name, got, tt.want)
		}
	}
}
