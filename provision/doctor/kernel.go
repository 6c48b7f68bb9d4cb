package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
)

func kernelItem() checkup.Item {
	item := checkup.Item{Name: "kernel", Remedy: "boot Linux 5.6 or later: gVisor needs it"}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		item.Health, item.Seen = checkup.Unsure, err.Error()
		return item
	}
	text := unix.ByteSliceToString(name.Release[:])
	item.Seen = "Linux " + text
	var major, minor int
	if _, err := fmt.Sscanf(text, "%d.%d", &major, &minor); err != nil {
		item.Health = checkup.Unsure
		return item
	}
	if major < 5 || major == 5 && minor < 6 {
		item.Health = checkup.Critical
		return item
	}
	item.Remedy = ""
	return item
}

func archItem() checkup.Item {
	item := checkup.Item{Name: "architecture", Seen: runtime.GOARCH}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		item.Health, item.Remedy = checkup.Critical, "gVisor is built for x86_64 and aarch64 only"
	}
	return item
}

// cgroupRoot is where systemd mounts the cgroup hierarchy.
const cgroupRoot = "/sys/fs/cgroup"

// cgroupItem checks the cgroup hierarchy at root. using are the runtimes that make a cgroup
// for each sandbox: those without --ignore-cgroups. certain says that their arguments are known.
func cgroupItem(root string, using []string, certain bool) checkup.Item {
	item := checkup.Item{Name: "cgroups"}
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, root+": "+err.Error(), "mount the cgroup hierarchy: Docker needs it"
		return item
	}
	v2 := st.Type == unix.CGROUP2_SUPER_MAGIC
	switch {
	case v2:
		item.Seen = "v2"
	case exists(filepath.Join(root, "unified")):
		item.Seen = "v1, or mixed"
	default:
		item.Seen = "v1"
	}
	checkControllers(&item, missingControllers(root, v2), using, certain)
	return item
}

// missingControllers are the controllers without which runsc makes no cgroup (gvisor
// runsc/cgroup/cgroup.go and cgroup_v2.go: those that are not optional), and that root lacks.
func missingControllers(root string, v2 bool) (missing []string) {
	if !v2 {
		for _, name := range []string{"cpu", "memory"} {
			if !exists(filepath.Join(root, name)) {
				missing = append(missing, name)
			}
		}
		return missing
	}
	text, err := durable.ReadLimited(filepath.Join(root, "cgroup.controllers"), 4096)
	if err != nil {
		return nil // unknown
	}
	there := strings.Fields(string(text))
	for _, name := range []string{"cpu", "cpuset", "io", "memory", "pids"} {
		if !slices.Contains(there, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func checkControllers(item *checkup.Item, missing, using []string, certain bool) {
	if len(missing) == 0 {
		return
	}
	item.Seen += ", without the controllers " + strings.Join(missing, ", ")
	if !certain {
		item.Health, item.Remedy = checkup.Unsure, checkup.AsRootRemedy
		item.Seen += "; unknown whether a runtime needs them"
		return
	}
	if len(using) == 0 {
		item.Seen += "; no runtime here needs them (--ignore-cgroups)"
		return
	}
	item.Health = checkup.Critical
	item.Seen += ": no sandbox of runtime " + strings.Join(using, ", ") + " starts"
	item.Remedy = "enable them in the kernel (kernel parameters, or the container that this host is), or use --runtime-arg=--ignore-cgroups: then no limits hold"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func namespaceItem(h *host.Host) checkup.Item {
	item := checkup.Item{Name: "user namespaces", Remedy: "sysctl user.max_user_namespaces=15000: each sandbox needs one"}
	n, err := dataroot.MaxUserNamespaces(h.Paths.Proc)
	switch {
	case err != nil:
		item.Health, item.Seen = checkup.Unsure, err.Error()
	case n < 0:
		item.Health, item.Seen, item.Remedy = checkup.Critical, "this kernel has none", "boot a kernel with CONFIG_USER_NS"
	case n == 0:
		item.Health, item.Seen = checkup.Critical, "switched off: user.max_user_namespaces is 0"
	default:
		item.Seen, item.Remedy = fmt.Sprintf("at most %d", n), ""
		restrictUserNamespaces(h, &item)
	}
	return item
}

// restrictUserNamespaces adds a sysctl that restricts user namespaces to processes with
// CAP_SYS_ADMIN: AppArmor's in Ubuntu, set by default since 24.04, or the older one in
// Debian and Ubuntu. Neither affects runsc: dockerd starts it as root, also for
// userns-remap, and it makes the namespaces of gofer and sandbox while it has its
// capabilities (gvisor runsc/sandbox/sandbox.go, runsc/container/container.go).
func restrictUserNamespaces(h *host.Host, item *checkup.Item) {
	for _, restricts := range []struct{ name, value string }{
		{"apparmor_restrict_unprivileged_userns", "1"},
		{"unprivileged_userns_clone", "0"},
	} {
		if value, err := sysctl(h, "kernel/"+restricts.name); err != nil || value != restricts.value {
			continue
		}
		item.Seen += fmt.Sprintf("; kernel.%s is %s", restricts.name, restricts.value)
		if !inInitialUserNamespace(h) {
			item.Health = checkup.Unsure
			item.Seen += ", and root here is root of a container only"
			item.Remedy = "sudo runsc-provisioner prove shows whether a sandbox starts in this container (LXD, Incus)"
			return
		}
		item.Seen += ", which does not affect runsc: dockerd starts it as root"
	}
}

// inInitialUserNamespace reports whether this process maps all ids to themselves
// (user_namespaces(7)). An unreadable map counts as the initial namespace.
func inInitialUserNamespace(h *host.Host) bool {
	text, err := durable.ReadLimited(filepath.Join(h.Paths.Proc, "self/uid_map"), 4096)
	return err != nil || slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}

func seccompItem(h *host.Host) checkup.Item {
	item := checkup.Item{Name: "seccomp", Seen: "filters"}
	if text, err := sysctl(h, "kernel/seccomp/actions_avail"); err != nil || !strings.Contains(text, "trap") {
		item.Health, item.Seen, item.Remedy = checkup.Critical, "this kernel has no system call filters", "boot a kernel with CONFIG_SECCOMP_FILTER"
	}
	return item
}

func sysctl(h *host.Host, name string) (string, error) {
	text, err := durable.ReadLimited(filepath.Join(h.Paths.Proc, "sys", name), 4096)
	return strings.TrimSpace(string(text)), err
}
