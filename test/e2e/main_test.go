package e2e

import (
	"flag"
	"strconv"
	"testing"
)

// hostsAtOnce limits the hosts that run at once on a machine with many cores. A host uses up to 0.5 GB of
// memory and eight inotify instances. Linux allows root 128 of those (fs.inotify.max_user_instances).
const hostsAtOnce = 6

// TestMain runs as many hosts at once as -parallel says (the number of cores by default), up to hostsAtOnce.
func TestMain(m *testing.M) {
	flag.Parse()
	limit := flag.Lookup("test.parallel").Value
	if n, err := strconv.Atoi(limit.String()); err == nil && n > hostsAtOnce {
		if err := limit.Set(strconv.Itoa(hostsAtOnce)); err != nil {
			panic(err)
		}
	}
	m.Run()
}
