package commandline

import (
	"strings"
	"testing"
)

func TestUnixSocket(t *testing.T) {
	const standard, none = "/run/docker.sock", ""
	for hosts, want := range map[string]string{
		"":                                     standard,
		"fd://":                                standard,
		"fd://*":                               standard,
		"unix://":                              standard,
		" unix:///a.sock":                      "/a.sock",
		"unix://run/a.sock":                    "/run/a.sock",
		"tcp://0.0.0.0:2375,fd://":             standard,
		"tcp://0.0.0.0:2375,unix://":           standard,
		"fd://,unix:///a.sock":                 "/a.sock",
		"unix:///a.sock,unix:///b.sock":        "/a.sock",
		"tcp://127.0.0.1:2375":                 none,
		"127.0.0.1:2375,tcp://[::1]:2376":      none,
		"npipe:////./pipe/docker_engine,:2375": none,
	} {
		var list []string
		if hosts != "" {
			list = strings.Split(hosts, ",")
		}
		if path, found := UnixSocket(list, standard); path != want || found != (want != none) {
			t.Errorf("%q: got %q, %t, want %q", hosts, path, found, want)
		}
	}
}
