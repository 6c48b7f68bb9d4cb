package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
)

// Ubuntu's AppArmor and an older sysctl restrict user namespaces to root. Neither this
// kernel nor the lab's has them, so the sysctls are files.
func TestDoctor_RestrictedUserNamespaces(t *testing.T) {
	const apparmor, clone = "kernel/apparmor_restrict_unprivileged_userns", "kernel/unprivileged_userns_clone"
	const limit, onTheHost, inLXD = "user/max_user_namespaces", "         0          0 4294967295\n", "         0    1000000 1000000000\n"
	prove := "sudo runsc-provisioner prove shows whether a sandbox starts in this container (LXD, Incus)"
	for _, test := range []struct {
		name    string
		sysctls map[string]string
		uidMap  string
		want    checkup.Item
	}{
		{"a kernel without restrictions", map[string]string{limit: "100\n"}, onTheHost, checkup.Item{Seen: "at most 100"}},
		{"Ubuntu 23.10, switched off", map[string]string{limit: "100\n", apparmor: "0\n", clone: "1\n"}, onTheHost, checkup.Item{Seen: "at most 100"}},
		{"Ubuntu 24.04", map[string]string{limit: "100\n", apparmor: "1\n", clone: "1\n"}, onTheHost,
			checkup.Item{Seen: "at most 100; kernel.apparmor_restrict_unprivileged_userns is 1, which does not affect runsc: dockerd starts it as root"}},
		{"Debian's sysctl", map[string]string{limit: "100\n", clone: "0\n"}, onTheHost,
			checkup.Item{Seen: "at most 100; kernel.unprivileged_userns_clone is 0, which does not affect runsc: dockerd starts it as root"}},
		{"LXD on Ubuntu 24.04", map[string]string{limit: "100\n", apparmor: "1\n"}, inLXD,
			checkup.Item{Health: checkup.Unsure, Seen: "at most 100; kernel.apparmor_restrict_unprivileged_userns is 1, and root here is root of a container only", Remedy: prove}},
		{"LXD elsewhere", map[string]string{limit: "100\n"}, inLXD, checkup.Item{Seen: "at most 100"}},
		{"switched off for all", map[string]string{limit: "0\n", apparmor: "1\n"}, onTheHost,
			checkup.Item{Health: checkup.Critical, Seen: "switched off: user.max_user_namespaces is 0", Remedy: "sysctl user.max_user_namespaces=15000: each sandbox needs one"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &host.Host{Paths: host.Paths{Proc: t.TempDir()}}
			files := map[string]string{"self/uid_map": test.uidMap}
			for name, value := range test.sysctls {
				files["sys/"+name] = value
			}
			for name, text := range files {
				path := filepath.Join(h.Paths.Proc, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			test.want.Name = "user namespaces"
			if diff := cmp.Diff(test.want, namespaceItem(h)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// No kernel here can lose single controllers: the hierarchy is a directory.
func TestFault_X09_CgroupControllers(t *testing.T) {
	for _, test := range []struct {
		name    string
		v2      bool
		there   string
		using   []string
		missing []string
		health  checkup.Health
	}{
		{"v2, all", true, "cpuset cpu io memory hugetlb pids rdma\n", []string{"runsc"}, nil, checkup.Healthy},
		{"v2, without cpu", true, "cpuset io memory pids\n", []string{"runsc"}, []string{"cpu"}, checkup.Critical},
		{"v2, none", true, "\n", []string{"runsc"}, []string{"cpu", "cpuset", "io", "memory", "pids"}, checkup.Critical},
		{"v2, none, and no runtime makes a cgroup", true, "\n", nil, []string{"cpu", "cpuset", "io", "memory", "pids"}, checkup.Healthy},
		{"v1, with those that are not optional", false, "cpu memory", []string{"runsc"}, nil, checkup.Healthy},
		{"v1, without memory", false, "cpu pids", []string{"runsc"}, []string{"memory"}, checkup.Critical},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			if test.v2 {
				if err := os.WriteFile(filepath.Join(root, "cgroup.controllers"), []byte(test.there), 0o444); err != nil {
					t.Fatal(err)
				}
			} else {
				for _, name := range strings.Fields(test.there) {
					if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			missing := missingControllers(root, test.v2)
			if diff := cmp.Diff(test.missing, missing); diff != "" {
				t.Errorf("missing controllers (-want +got):\n%s", diff)
			}
			var item checkup.Item
			if checkControllers(&item, missing, test.using, true); item.Health != test.health {
				t.Errorf("got %v, want %v", item, test.health)
			}
			item = checkup.Item{}
			if checkControllers(&item, missing, test.using, false); (item.Health == checkup.Unsure) != (len(missing) > 0) || item.Health == checkup.Critical {
				t.Errorf("without the arguments of the runtimes: got %v", item)
			}
		})
	}
}

func TestFault_X09_RuntimesThatMakeCgroups(t *testing.T) {
	for _, test := range []struct {
		args    []string
		ignores bool
	}{
		{nil, false},
		{[]string{"--ignore-cgroups"}, true},
		{[]string{"-ignore-cgroups=true", "--debug"}, true},
		{[]string{"--ignore-cgroups", "--ignore-cgroups=false"}, false},
		{[]string{"ignore-cgroups"}, false},
		{[]string{"--ignore-cgroups=maybe"}, false},
	} {
		if got := ignoresCgroups(test.args); got != test.ignores {
			t.Errorf("%q: got %t, want %t", test.args, got, test.ignores)
		}
	}
}
