package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
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

func cgroupItem() checkup.Item {
	item := checkup.Item{Name: "cgroups"}
	var st unix.Statfs_t
	err := unix.Statfs("/sys/fs/cgroup", &st)
	switch {
	case err != nil:
		item.Health, item.Seen, item.Remedy = checkup.Critical, "/sys/fs/cgroup: "+err.Error(), "mount the cgroup hierarchy: Docker needs it"
	case st.Type == unix.CGROUP2_SUPER_MAGIC:
		item.Seen = "v2"
	default:
		item.Seen = "v1, or mixed"
		if _, err := os.Stat("/sys/fs/cgroup/unified"); err != nil {
			item.Seen = "v1"
		}
	}
	return item
}

func namespaceItem(h *host.Host) checkup.Item {
	item := checkup.Item{Name: "user namespaces", Remedy: "sysctl user.max_user_namespaces=15000: each sandbox needs one"}
	n, err := h.MaxUserNamespaces()
	switch {
	case err != nil:
		item.Health, item.Seen = checkup.Unsure, err.Error()
	case n < 0:
		item.Health, item.Seen, item.Remedy = checkup.Critical, "this kernel has none", "boot a kernel with CONFIG_USER_NS"
	case n == 0:
		item.Health, item.Seen = checkup.Critical, "switched off: user.max_user_namespaces is 0"
	default:
		item.Seen, item.Remedy = fmt.Sprintf("at most %d", n), ""
	}
	return item
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
