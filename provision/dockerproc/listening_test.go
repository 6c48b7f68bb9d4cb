package dockerproc_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/dockerproc"
	"runsc-provisioner/provision/host"
)

func TestFault_X10_HostsChangedSinceDockerdStarted(t *testing.T) {
	dir, err := os.MkdirTemp("", "listen-") // the path of a socket has at most 107 bytes (unix(7))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	served, err := net.Listen("unix", at("served.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if got := dockerproc.ListeningOn("/proc", os.Getpid()); !slices.Contains(got, "unix://"+at("served.sock")) {
		t.Fatalf("got %q, want the socket that this process listens on", got)
	}
	for _, test := range []struct{ name, text, socket, want string }{
		{"as in the file", `{"hosts": ["unix://` + at("served.sock") + `"]}`, at("none.sock"), "served.sock"},
		{"changed in the file", `{"hosts": ["unix://` + at("other.sock") + `"]}`, at("none.sock"), "served.sock"},
		{"removed from the file", `{}`, at("none.sock"), "served.sock"},
		{"added to the file", `{"hosts": ["unix://` + at("other.sock") + `"]}`, at("served.sock"), "served.sock"},
	} {
		file := at("daemon.json")
		if err := errors.Join(os.WriteFile(file, []byte(test.text), 0o644)); err != nil {
			t.Fatal(err)
		}
		h := &host.Host{Paths: host.Paths{Proc: "/proc", DaemonJSON: file, Socket: test.socket}}
		var flags commandline.Flags
		flags.Hosts = h.Hosts(host.Unit{ActiveState: "active", MainPID: os.Getpid()}, flags)
		if got := h.Socket(flags); got != at(test.want) {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
