package kill

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// The directories on a separate file system, with their paths in the host.
const (
	lostImage = "/var/lib/docker/lost.img"
	lostDir   = "/mnt/lost"
	bindAll   = `
bound() { for pair in docker:/etc/docker state:/var/lib/runsc-provisioner store:/usr/local/lib/gvisor config:/etc/runsc-provisioner bin:/usr/local/bin; do
	mkdir -p ` + lostDir + `/${pair%%:*} ${pair#*:}; mount --bind ` + lostDir + `/${pair%%:*} ${pair#*:} || exit 1; done; }
`
	lostSetup = `set -e
mkdir -p /opt/product ` + lostDir + `; cp /usr/local/bin/runsc-provisioner /opt/product/
truncate -s 700M ` + lostImage + `; mkfs.ext4 -q ` + lostImage + `
for i in $(seq 0 31); do [ -e /dev/loop$i ] || mknod /dev/loop$i b 7 $i; done; [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
mount -o loop ` + lostImage + ` ` + lostDir + `
mkdir -p ` + lostDir + `/config; cp -a /etc/runsc-provisioner/. ` + lostDir + `/config/
` + bindAll + `bound
`
	// A process of the killed run may still be ending.
	lostMended = bindAll + `
for pair in /etc/docker /var/lib/runsc-provisioner /usr/local/lib/gvisor /etc/runsc-provisioner /usr/local/bin; do umount $pair || umount -l $pair; done
for i in $(seq 600); do umount ` + lostDir + ` 2>/dev/null && break; sleep 0.1; done
mountpoint -q ` + lostDir + ` && { echo still mounted; exit 1; }
mount -o loop ` + lostImage + ` ` + lostDir + ` || exit 1
bound
`
)

// A power loss at every rename: everything not synced is gone, and the disk is
// mounted again.
func TestFault_F02_LostWrites(t *testing.T) {
	s := scenarios()[0]
	s.name = "lost writes"
	s.setup = lostSetup + s.setup
	s.reset = strings.ReplaceAll(s.reset, "rm -rf", "sync; rm -rf") + "sync\n"
	one := boot(t, s, lab.BuildWithFailpoints(t))
	one.shutdown, one.mended = lostDir, lostMended
	killed, inconsistent, _ := one.sweep(func(points []string) []int {
		var renames []int
		for i, name := range points {
			if strings.Contains(name, "rename") {
				renames = append(renames, i+1)
			}
		}
		var taken []int
		for _, i := range numbers(t, len(renames)) {
			if i <= len(renames) {
				taken = append(taken, renames[i-1])
			}
		}
		return taken
	})
	fmt.Printf("lost writes %d times, %d hosts left inconsistent\n", killed, inconsistent)
}
