package naming

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/hostsfile"
	"runsc-provisioner/test/fakedockerd"
)

// container writes what dockerd has of a running container on network app. hosts is what its hosts file has beside
// dockerd's own lines.
func container(t *testing.T, root, letter, name, runtime, addr, hosts string) {
	t.Helper()
	dir := filepath.Join(root, "containers", strings.Repeat(letter, 64))
	said, err := json.Marshal(map[string]any{
		"Name": "/" + name, "State": map[string]any{"Running": true}, "Config": map[string]any{"Hostname": name + "-host"},
		"NetworkSettings": map[string]any{"Networks": map[string]any{"app": map[string]any{"IPAddress": addr}}},
	})
	err = errors.Join(err, os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config.v2.json"), said, 0o600),
		os.WriteFile(filepath.Join(dir, "hostconfig.json"), []byte(`{"Runtime":"`+runtime+`","NetworkMode":"app"}`), 0o600),
		os.WriteFile(filepath.Join(dir, "hosts"), []byte("127.0.0.1\tlocalhost\n"+addr+"\t"+name+"-host\n"+hosts), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// noUnits is a systemd without the service.
type noUnits struct{ host.Units }

func (noUnits) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{LoadState: "not-found"}, nil
}

func TestItem(t *testing.T) {
	full := "10.0.0.2\tweb.app web aaaaaaaaaaaa aaaaaaaaaaaa.app web-host.app " + hostsfile.Mark + "\n" +
		"10.0.0.3\tdb.app db bbbbbbbbbbbb bbbbbbbbbbbb.app db-host db-host.app " + hostsfile.Mark + "\n"
	d := fakedockerd.New(t, 24, 45)
	d.AnswerText("/networks", `[{"Name":"app","Scope":"local"}]`)
	for _, tt := range []struct {
		situation, names, hosts, args string
		health                        checkup.Health
		some                          bool
		says                          string
	}{
		{"kept", config.NamesMaintain, full, "", checkup.Healthy, true, "1 container"},
		{"kept, and one is missing", config.NamesMaintain, "", "", checkup.Warning, true, "web does not find db"},
		{"kept, and a name leads elsewhere", config.NamesMaintain, strings.ReplaceAll(full, "10.0.0.3", "10.0.0.9"), "", checkup.Warning, true, "web finds what is gone"},
		{"off, and lines are left", config.NamesOff, full, "", checkup.Warning, true, "1 container"},
		{"not managed, and one is missing", "", "", "", checkup.Healthy, true, "web does not find db"},
		{"not managed, and nothing is missing", "", full, "", checkup.Healthy, false, ""},
		{"a runtime in which Docker's DNS answers", "", "", "--network=host", checkup.Healthy, false, ""},
	} {
		root := t.TempDir()
		container(t, root, "a", "web", "runsc", "10.0.0.2", tt.hosts)
		container(t, root, "b", "db", "runc", "10.0.0.3", "")
		c := config.Default()
		c.Docker.Names = tt.names
		info := &engine.Info{RootDir: root, Runtimes: map[string]engine.Runtime{"runsc": {Args: strings.Fields(tt.args)}}}
		item, some := Item(t.Context(), &host.Host{Units: noUnits{}, Paths: host.Paths{Socket: d.Socket}}, c, host.Observed{Engine: info})
		if some != tt.some || item.Health != tt.health || !strings.Contains(item.Seen, tt.says) {
			t.Errorf("%s: got %+v, %t", tt.situation, item, some)
		}
	}
}

func TestGoal_NameServers(t *testing.T) {
	doc, err := daemonjson.Parse([]byte(`{"dns": ["10.0.0.1", "not an address"]}`))
	if err != nil {
		t.Fatal(err)
	}
	o := host.Observed{Engine: &engine.Info{RootDir: "/var/lib/docker/100000.100000", UsernsRemap: true}, Flags: commandline.Flags{Set: map[string]string{"dns": "fd00::1"}}}
	o.File.Doc = doc
	g := Goal(&host.Host{}, config.Default(), o)
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	if !slices.Equal(g.DNS, want) || g.Owner != 100000 || !slices.Equal(g.Runtimes, []string{"runsc"}) {
		t.Errorf("got %+v", g)
	}
}
