package host

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

func TestFault_X10_ServiceCannotWrite(t *testing.T) {
	packaged := []string{"/etc", "-/usr/local/lib", "-/usr/local/bin", "-/opt/gvisor", "-/var/lib/gvisor"}
	for _, test := range []struct {
		name, store, link string
		unit              Unit
		want              string // of ReadWritePaths= in the drop-in; "" if none is needed
	}{
		{"built-in places", "/usr/local/lib/gvisor", "/usr/local/bin/runsc", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, ""},
		{"a suggested store", "/opt/gvisor", "", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, ""},
		{"a package", "/usr/local/lib/gvisor/system", "", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, ""},
		{"another store", "/srv/gvisor", "", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, "-/srv/gvisor"},
		{"another link", "/opt/gvisor", "/srv/bin/runsc", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, "-/srv/bin"},
		{"both", "/srv/gvisor", "/srv/bin/runsc", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, "-/srv/gvisor -/srv/bin"},
		{"a name that only begins the same", "/opt/gvisor-2", "", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: packaged}, "-/opt/gvisor-2"},
		{"with the drop-in", "/srv/gvisor", "/srv/bin/runsc", Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: append(packaged, "-/srv/gvisor", "-/srv/bin")}, ""},
		{"a unit that is not hardened", "/srv/gvisor", "", Unit{LoadState: "loaded", ProtectSystem: "no"}, ""},
		{"no unit", "/srv/gvisor", "", Unit{LoadState: "not-found"}, ""},
	} {
		h := &Host{Paths: Paths{Store: test.store, Link: test.link}}
		got := ServiceCannotWrite(test.unit, h.ServiceWrites(config.Config{}, "/srv/docker")...)
		if (got != "") != (test.want != "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestServiceCannotWrite_DataRootForNames(t *testing.T) {
	h := &Host{Paths: Paths{Store: "/opt/gvisor"}}
	c := config.Config{Docker: config.Docker{Names: config.NamesMaintain}}
	unit := Unit{LoadState: "loaded", ProtectSystem: "strict", ReadWritePaths: []string{"-/opt/gvisor", "-/var/lib/docker"}}
	for root, want := range map[string]string{"/var/lib/docker": "", "/srv/docker": "-/srv/docker", "": ""} {
		got := ServiceCannotWrite(unit, h.ServiceWrites(c, root)...)
		if (got != "") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", root, got, want)
		}
	}
}

func TestFault_X10_PlacesFollowTheConfiguration(t *testing.T) {
	test := Paths{Store: "/t/store", Link: "/t/link"}
	moved := test.Configured(config.Config{Paths: config.Paths{Store: "/opt/gvisor"}})
	back := moved.Configured(config.Default())
	if moved.Store != "/opt/gvisor" || moved.Link != "" || moved.SamePlaces(test) || !back.SamePlaces(test) {
		t.Errorf("got %+v, and back %+v", moved, back)
	}
	system := config.Default()
	system.Release.Source = release.SourceSystem
	if packaged := test.Configured(system); packaged.Store != "/t/store/system" || packaged.Link != "" || packaged.BuiltIn() != (config.Paths{Store: "/t/store", Link: "/t/link"}) {
		t.Errorf("got %+v for a package", packaged)
	}
	got := earlierPlaces("/opt/gvisor", "/t/store", []string{"/opt/gvisor", "/srv/a", "relative", "/srv/a/", "/srv/a"})
	if strings.Join(got, " ") != "/t/store /srv/a" {
		t.Errorf("got the earlier places %q", got)
	}
}
