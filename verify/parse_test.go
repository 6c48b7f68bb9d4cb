package verify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCmdline(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"kernel thread or stub", "", nil},
		{"one argument", "sleep\x00", []string{"sleep"}},
		{"empty arguments stay", "a\x00\x00b\x00\x00", []string{"a", "", "b", ""}},
		{"rewritten by the process, without a final NUL", "nginx: worker", []string{"nginx: worker"}},
		{"newlines and quotes", "a\n\"|\x00\x1b[2J\x00", []string{"a\n\"|", "\x1b[2J"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseCmdline([]byte(tt.in))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	const after = " S 17990 17990 0 -1 4194560 3850 978 18 0 4 2 0 0 20 0 11 0 0 237746 3611435008\n"
	for _, tt := range []struct {
		name, in string
		want     stat
		fails    bool
	}{
		{"captured", "18006 (gvisor_sentry) S 17990 18006 18006 0 -1 4194368 15 0 0 0 0 0 0 0 20 0 1 0 237751 16850944 0 18446744073709551615\n", stat{18006, 17990, 237751}, false},
		{"blanks and parentheses in the name", "7 (a) S 1 (b) c) S 5 " + strings.Repeat("0 ", 17) + "99 1\n", stat{7, 5, 99}, false},
		{"a newline in the name", "7 (a\n8 (b) S 5 " + strings.Repeat("0 ", 17) + "99 1\n", stat{7, 5, 99}, false},
		{"no name", "7 sleep" + after, stat{}, true},
		{"cut short", "7 (sleep) S 5 0 0\n", stat{}, true},
		{"empty", "", stat{}, true},
		{"start time is not a number", "7 (sleep) S 5 " + strings.Repeat("0 ", 17) + "-1 1\n", stat{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat([]byte(tt.in))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %+v, %v, want %+v, failing: %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     status
		fails    bool
	}{
		{"captured", sandboxStatus, status{seccomp: 2, noNewPrivs: true, capEff: 0x8001f}, false},
		{"a repeated key does not count", sandboxStatus + "Seccomp:\t0\nNoNewPrivs:\t0\n", status{seccomp: 2, noNewPrivs: true, capEff: 0x8001f}, false},
		{"a name as the kernel escapes it", "Name:\tx\\nSeccomp:\t2\nCapEff:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n", status{}, false},
		{"no Seccomp", "Name:\tx\nCapEff:\t0\nNoNewPrivs:\t1\n", status{}, true},
		{"not a number", "CapEff:\tzz\nNoNewPrivs:\t1\nSeccomp:\t2\n", status{}, true},
		{"empty", "", status{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStatus([]byte(tt.in))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %+v, %v, want %+v, failing: %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestParseRoot(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     Mount
		fails    bool
	}{
		{"sandbox", sandboxMounts, Mount{"/", "tmpfs", "runsc-root"}, false},
		{"container", overlayMounts, Mount{"/", "overlay", "overlay"}, false},
		{"a directory of a tmpfs", "1 2 0:5 /vfs/dir/x / rw shared:1 master:2 - tmpfs tmpfs rw\n", Mount{"/vfs/dir/x", "tmpfs", "tmpfs"}, false},
		{"stacked: the top one", sandboxMounts + overlayMounts, Mount{"/", "overlay", "overlay"}, false},
		{"no root", "685 684 0:81 / /proc rw - proc proc rw\n", Mount{}, true},
		{"cut short", "43 65 0:42 / / ro,relatime - tmpfs\n", Mount{}, true},
		{"empty", "", Mount{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseRoot([]byte(tt.in))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %+v, %v, want %+v, failing: %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestContainerIDs(t *testing.T) {
	id, other := containerID(10), containerID(11)
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"/system.slice/docker-" + id + ".scope", []string{id}},
		{"/docker/" + id + "/init/deeper", []string{id}},
		{"/docker/" + id + "/docker/" + other, []string{id, other}},
		{"/system.slice/containerd.service", nil},
		{"/docker/" + id[:63], nil},
		{"/docker/" + id + "0", nil},
		{"", nil},
	} {
		if diff := cmp.Diff(tt.want, containerIDs(tt.path)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.path, diff)
		}
	}
}

func TestParseCgroupsOfEitherVersion(t *testing.T) {
	got, err := parseCgroups([]byte("9:name=systemd:/docker/a:b\n4:memory:/\n0::/user.slice\n"))
	want := []Cgroup{{9, "name=systemd", "/docker/a:b"}, {4, "memory", "/"}, {0, "", "/user.slice"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	for _, bad := range []string{"0:/\n", "x::/\n", "-1::/\n"} {
		if _, err := parseCgroups([]byte(bad)); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestParseIDMap(t *testing.T) {
	got, err := parseIDMap([]byte(identityMap + remapped))
	want := []IDRange{{0, 0, 4294967295}, {0, 100000, 65536}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	for _, bad := range []string{"0 0\n", "0 0 4294967296\n", "0 x 1\n", "\n"} {
		if _, err := parseIDMap([]byte(bad)); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestParseNamespace(t *testing.T) {
	if got, err := parseNamespace("user", "user:[4026531837]"); got != 4026531837 || err != nil {
		t.Errorf("got %d, %v, want 4026531837", got, err)
	}
	for _, bad := range []string{"mnt:[1]", "user:[1", "user:1]", "user:[]", "", "/user:[1]"} {
		if _, err := parseNamespace("user", bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestFault_V09_TextFromOutsideIsPrintable(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct{ in, want string }{
		{"runsc-sandbox", "runsc-sandbox"},
		{"/usr/bin/a b", "/usr/bin/a b"},
		{"größe", "größe"},
		{"", `""`},
		{" ", `" "`},
		{"a  b", `"a  b"`},
		{"a ", `"a "`},
		{"\x1b[2Jok", `"\x1b[2Jok"`},
		{"a\nb", `"a\nb"`},
		{"\u202egnp.exe", `"\u202egnp.exe"`},
		{"a\xffb", `"a\xffb"`},
		{`say "ok"`, `"say \"ok\""`},
		{long, `"` + long[:256] + `"…`},
	} {
		if got := Printable(tt.in); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}
