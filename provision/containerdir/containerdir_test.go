package containerdir

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/hostsfile"
)

var id = strings.Repeat("a", 64)

// dirOf is a data root with the directory of one container.
func dirOf(t *testing.T, files map[string]string) (*Root, string) {
	t.Helper()
	data := t.TempDir()
	dir := filepath.Join(data, "containers", id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// The two descriptions are as dockerd writes them, but for what is left out.
const (
	config20 = `{"State":{"Running":true},"Config":{"Hostname":"w.example.com","Domainname":"d"},"Name":"/web","NetworkSettings":{
"Networks":{"back":null,"app":{"Aliases":["one","aaaaaaaaaaaa","w.example.com"],"Links":["db:alias"],"NetworkID":"1","IPAddress":"172.18.0.3","GlobalIPv6Address":""}},
"IsAnonymousEndpoint":true},"MountPoints":{"/etc/hosts/":{},"/x":{}}}`
	config29 = `{"State":{"Running":true},"Config":{"Hostname":"h"},"Name":"/new","NetworkSettings":{"Networks":{
"app":{"Aliases":["one"],"IPAddress":"172.18.0.3","GlobalIPv6Address":"fd00::3","DNSNames":["old","one","aaaaaaaaaaaa","h"],"GwPriority":7}}},"MountPoints":{"/etc/resolv.conf":{}}}`
	hostConfig29 = `{"Runtime":"runsc","NetworkMode":"app","ExtraHosts":["x:1.2.3.4","y:::1"],"Dns":["10.0.0.1"],"Links":["/db:/web/alias"]}`
)

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		situation, config, host string
		want                    Container
	}{
		{
			"20.10, a name that dockerd made", config20, `{"Runtime":"runsc","NetworkMode":"container:x"}`,
			Container{
				Container: dockerdns.Container{ID: id, Name: "web", Endpoints: []dockerdns.Endpoint{{
					Network: "app", Names: []string{"one", "aaaaaaaaaaaa", "w.example.com"}, Links: []string{"db:alias"},
					Addrs: []netip.Addr{netip.MustParseAddr("172.18.0.3")},
				}}},
				Hostname: "w.example.com", Domain: "d", Runtime: "runsc", Running: true, Shares: true, OwnHosts: true,
			},
		},
		{
			"29, after a rename", config29, hostConfig29,
			Container{
				Container: dockerdns.Container{ID: id, Name: "new", Endpoints: []dockerdns.Endpoint{{
					Network: "app", Names: []string{"new", "one", "aaaaaaaaaaaa", "h"}, Priority: 7,
					Addrs: []netip.Addr{netip.MustParseAddr("172.18.0.3"), netip.MustParseAddr("fd00::3")},
				}}},
				Hostname: "h", Runtime: "runsc", Running: true, OwnResolv: true, ExtraHosts: []string{"x", "y"}, DNS: []string{"10.0.0.1"}, Links: []string{"/db:/web/alias"},
			},
		},
		{
			"ended by a dockerd that was killed: the address is old", strings.Replace(config29, "true", "false", 1), `{"Runtime":"runc"}`,
			Container{
				Container: dockerdns.Container{ID: id, Name: "new", Endpoints: []dockerdns.Endpoint{{
					Network: "app", Names: []string{"new", "one", "aaaaaaaaaaaa", "h"}, Priority: 7,
				}}},
				Hostname: "h", Runtime: "runc", OwnResolv: true,
			},
		},
		{
			"its restart policy will start it", strings.Replace(config29, `"Running":true`, `"Running":true,"Restarting":true`, 1), `{"Runtime":"runsc"}`,
			Container{
				Container: dockerdns.Container{ID: id, Name: "new", Endpoints: []dockerdns.Endpoint{{
					Network: "app", Names: []string{"new", "one", "aaaaaaaaaaaa", "h"}, Priority: 7,
				}}},
				Hostname: "h", Runtime: "runsc", OwnResolv: true,
			},
		},
	} {
		root, _ := dirOf(t, map[string]string{ConfigName: tt.config, HostConfigName: tt.host})
		got, err := root.Read(id)
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", tt.situation, err, diff)
		}
	}
}

func TestRead_Damaged(t *testing.T) {
	for name, text := range map[string]string{"cut": config29[:40], "empty": "", "another type": `{"Name":1}`, "too long": strings.Repeat(" ", maxConfig+1)} {
		root, _ := dirOf(t, map[string]string{ConfigName: text, HostConfigName: "{}"})
		if _, err := root.Read(id); err == nil || IsGone(err) {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
	root, _ := dirOf(t, nil)
	for _, id := range []string{id, strings.Repeat("b", 64)} {
		if _, err := root.Read(id); !IsGone(err) {
			t.Errorf("missing: got %v", err)
		}
	}
	if _, err := root.Read("../" + id); err == nil || IsGone(err) {
		t.Errorf("a path: got %v, want an error", err)
	}
}

func TestIDs(t *testing.T) {
	root, dir := dirOf(t, nil)
	if err := os.WriteFile(filepath.Join(dir, "..", "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := root.IDs(); err != nil || !slices.Equal(got, []string{id}) {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// A file that is not dockerd's is not opened, and nothing that it leads to changes.
func TestOpen_OddFiles(t *testing.T) {
	for name, make := range map[string]func(path, victim string) error{
		"symlink":   func(path, victim string) error { return os.Symlink(victim, path) },
		"hard link": func(path, victim string) error { return os.Link(victim, path) },
		"FIFO":      func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"directory": func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"socket":    func(path, _ string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
		"too large": func(path, _ string) error { return os.WriteFile(path, make([]byte, maxText+1), 0o600) },
	} {
		root, dir := dirOf(t, nil)
		victim := filepath.Join(t.TempDir(), "victim")
		if err := errors.Join(os.WriteFile(victim, []byte("text"), 0o600), make(filepath.Join(dir, HostsName), victim)); err != nil {
			t.Fatal(err)
		}
		if f, err := root.Open(id, HostsName); err == nil || IsGone(err) {
			t.Errorf("%s: got %v, %v, want an error", name, f, err)
		}
	}
}

// The directory of a container may be a symlink to anywhere: it is not followed.
func TestOpen_SymlinkOfADirectory(t *testing.T) {
	root, dir := dirOf(t, map[string]string{HostsName: "x\n"})
	other := strings.Repeat("b", 64)
	if err := os.Symlink(dir, filepath.Join(dir, "..", other)); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Open(other, HostsName); err == nil {
		t.Error("a symlink was followed")
	}
}

func TestApply(t *testing.T) {
	root, dir := dirOf(t, map[string]string{HostsName: "first\nours\n"})
	f, err := root.Open(id, HostsName)
	if err != nil {
		t.Fatal(err)
	}
	edit := hostsfile.Edit{Append: "more\n", Overwrite: []hostsfile.Overwrite{{Offset: 6, Text: "OURS"}}}
	if err := f.Apply(edit, 0); err != nil {
		t.Fatal(err)
	}
	wantText(t, dir, "first\nOURS\nmore\n")
	if err := f.Apply(edit, 0); !errors.Is(err, ErrChanged) {
		t.Errorf("the file is not as it was read: got %v, want ErrChanged", err)
	}
	wantText(t, dir, "first\nOURS\nmore\n")
}

func TestReplaceTail(t *testing.T) {
	root, dir := dirOf(t, map[string]string{HostsName: "first\nours\nlast\n"})
	f, err := root.Open(id, HostsName)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ReplaceTail(hostsfile.Tail{Offset: 6, Text: "last\n"}, 0); err != nil {
		t.Fatal(err)
	}
	wantText(t, dir, "first\nlast\n")
}

// A file of another owner than root and the one of userns-remap is not dockerd's.
func TestApply_Owner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	root, dir := dirOf(t, map[string]string{HostsName: "first\n"})
	if err := os.Chown(filepath.Join(dir, HostsName), 100000, 100000); err != nil {
		t.Fatal(err)
	}
	f, err := root.Open(id, HostsName)
	if err != nil {
		t.Fatal(err)
	}
	var odd *OddError
	if err := f.Apply(hostsfile.Edit{Append: "x\n"}, 0); !errors.As(err, &odd) {
		t.Errorf("got %v, want an OddError", err)
	}
	if err := f.Apply(hostsfile.Edit{Append: "x\n"}, 100000); err != nil {
		t.Error(err)
	}
	wantText(t, dir, "first\nx\n")
}

// What a write of ours could not finish is taken away again.
func TestCut(t *testing.T) {
	root, dir := dirOf(t, map[string]string{HostsName: "first\npart of a l"})
	file, _, err := root.open(id, HostsName, unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := cut(file, 6, 7); !errors.Is(err, ErrChanged) {
		t.Errorf("another program has written behind it: got %v, want ErrChanged", err)
	}
	if err := cut(file, 6, 17); err != nil {
		t.Error(err)
	}
	wantText(t, dir, "first\n")
}

func wantText(t *testing.T, dir, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(dir, HostsName)); string(got) != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
