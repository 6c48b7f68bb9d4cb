package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
)

func TestPlatformOf(t *testing.T) {
	for args, want := range map[string]string{
		"":                              "systrap",
		"--platform=kvm":                "kvm",
		"-platform=kvm":                 "kvm",
		"--platform kvm":                "kvm",
		"--debug --platform":            "systrap",
		"--platform=kvm --platform=kvm": "kvm",
		"--platform=kvm --platform=systrap --x=--platform=kvm": "systrap",
		"platform=kvm":              "systrap",
		"--platform_device_path=/x": "systrap",
	} {
		if got := platformOf(strings.Fields(args)); got != want {
			t.Errorf("%q: got %s, want %s", args, got, want)
		}
	}
}

func TestPlatformsOf_KeptArgumentsCount(t *testing.T) {
	doc, err := daemonjson.Parse([]byte(`{"runtimes": {"a": {"path": "/x", "runtimeArgs": ["--platform=kvm"]}, "b": {"path": "/x", "runtimeArgs": ["--platform=kvm"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config{Docker: config.Docker{Runtimes: map[string]config.Runtime{
		"a": {}, "b": {Args: []string{}}, "c": {Args: []string{"--platform=ptrace"}}, "d": {Args: []string{"--platform=kvm"}},
	}}}
	want := platforms{"kvm": {"a", "d"}, "systrap": {"b"}, "ptrace": {"c"}}
	if diff := cmp.Diff(want, platformsOf(c, host.Observed{File: daemonfile.File{Doc: doc}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDoctor_OnlyUsedPlatformsAreChecked(t *testing.T) {
	systrap, kvm, both := platforms{"systrap": {"runsc"}}, platforms{"kvm": {"runsc"}}, platforms{"kvm": {"a"}, "systrap": {"b"}, "ptrace": {"c"}}
	load := "modprobe kvm_intel or kvm_amd (virtualisation must be enabled in the firmware, or passed on by the hypervisor), or remove --platform=kvm from its arguments"
	for _, tt := range []struct {
		platforms platforms
		there     bool
		want      checkup.Item
	}{
		{systrap, false, checkup.Item{Name: "kvm", Health: checkup.Healthy, Seen: "/dev/kvm is missing; no runtime here uses it", Remedy: ""}},
		{systrap, true, checkup.Item{Name: "kvm", Health: checkup.Healthy, Seen: "/dev/kvm exists: --runtime-arg=--platform=kvm is possible", Remedy: ""}},
		{kvm, true, checkup.Item{Name: "kvm", Health: checkup.Healthy, Seen: "/dev/kvm exists; runtime runsc uses it", Remedy: ""}},
		{kvm, false, checkup.Item{Name: "kvm", Health: checkup.Critical, Seen: "/dev/kvm is missing, and runtime runsc needs it: none of its sandboxes starts", Remedy: load}},
	} {
		if got := tt.platforms.kvmItem(tt.there); got != tt.want {
			t.Errorf("%v, %t: got %+v, want %+v", tt.platforms, tt.there, got, tt.want)
		}
	}
	lower := "set it to 2 or less and reboot, or use --runtime-arg=--platform=kvm"
	for _, tt := range []struct {
		platforms platforms
		scope     string
		want      checkup.Item
	}{
		{systrap, "", checkup.Item{Name: "ptrace", Health: checkup.Healthy, Seen: "not restricted by Yama", Remedy: ""}},
		{systrap, "2\n", checkup.Item{Name: "ptrace", Health: checkup.Healthy, Seen: "kernel.yama.ptrace_scope is 2", Remedy: ""}},
		{systrap, "3\n", checkup.Item{Name: "ptrace", Health: checkup.Critical, Seen: "kernel.yama.ptrace_scope is 3: no process may trace, but the platform of runtime runsc must", Remedy: lower}},
		{kvm, "3\n", checkup.Item{Name: "ptrace", Health: checkup.Healthy, Seen: "kernel.yama.ptrace_scope is 3, and no runtime traces", Remedy: ""}},
		{both, "3\n", checkup.Item{Name: "ptrace", Health: checkup.Critical, Seen: "kernel.yama.ptrace_scope is 3: no process may trace, but the platform of runtime b, c must", Remedy: lower}},
	} {
		h := &host.Host{Paths: host.Paths{Proc: t.TempDir()}}
		dir := filepath.Join(h.Paths.Proc, "sys/kernel/yama")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if tt.scope != "" {
			if err := os.WriteFile(filepath.Join(dir, "ptrace_scope"), []byte(tt.scope), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := ptraceItem(h, tt.platforms); got != tt.want {
			t.Errorf("%v, scope %q: got %+v, want %+v", tt.platforms, tt.scope, got, tt.want)
		}
	}
}
