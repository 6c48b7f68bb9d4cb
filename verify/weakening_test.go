package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func settingsOf(found []Weakness) []string {
	var list []string
	for _, w := range found {
		list = append(list, w.Setting)
	}
	return list
}

func TestWeaknesses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*scene)
		args   []string
		want   []string
	}{
		{"none", func(*scene) {}, nil, nil},
		{"defaults, given explicitly", func(*scene) {}, []string{"--network=sandbox", "--host-uds=none", "--debug=false", "--platform=systrap", "--directfs", "--oci-seccomp"}, nil},
		{"one dash, two dashes, a value in the next word", func(*scene) {}, []string{"-network", "host", "--host-uds", "all", "--ignore-cgroups"},
			[]string{"--network=host", "--host-uds=all", "--ignore-cgroups"}},
		{"after a flag with a value", func(*scene) {}, []string{"--root", "/run/x", "--debug"}, []string{"--debug"}},
		{"ways to write a boolean", func(*scene) {}, []string{"--debug=1", "--strace=T", "--profile=0"}, []string{"--debug", "--strace"}},
		{"prefixes", func(*scene) {}, []string{"--TESTONLY-unsafe-nonroot", "--EXPERIMENTAL-xdp=ns", "--EXPERIMENTAL-other=false"}, []string{"--TESTONLY-unsafe-nonroot", "--EXPERIMENTAL-xdp=ns"}},
		{"the sandbox's arguments, but not those of its command", func(s *scene) {
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--platform=ptrace", "boot", "--debug=true", s.container.ID}
		}, nil, []string{"--platform=ptrace"}},
		{"the gofer's arguments", func(s *scene) {
			s.evidence.Gofers[0].Process.Argv = []string{"runsc-gofer", "--host-uds=open", "gofer", s.container.ID}
		}, nil, []string{"--host-uds=open"}},
		{"arguments of a process that runs from no release", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{8, 1}, Path: "/bin/sleep"}
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--debug=true", "boot", s.container.ID}
		}, nil, nil},
		{"an annotation that runsc ignores", func(s *scene) {
			s.container.Annotations = map[string]string{"dev.gvisor.flag.network": "host"}
		}, nil, nil},
		{"an annotation that runsc obeys", func(s *scene) {
			s.container.Annotations = map[string]string{"dev.gvisor.flag.network": "host", "dev.gvisor.flag.debug": "true", "other": "x"}
		}, []string{"--allow-flag-override"}, []string{"--allow-flag-override", "--debug", "--network=host"}},
		{"an annotation that needs no --allow-flag-override", func(s *scene) {
			s.container.Annotations = map[string]string{"dev.gvisor.flag.host-uds": "all", "dev.gvisor.flag.strace": "true"}
		}, nil, []string{"--host-uds=all", "--strace"}},
		{"annotations and devices that switch a proxy on", func(s *scene) {
			s.container.Annotations = map[string]string{"dev.gvisor.internal.nvproxy": "1", "dev.gvisor.internal.tpuproxy": "true"}
			s.container.Devices = []HostDevice{{"/dev/zero", "/dev/nvidiactl"}, {"/dev/accel0", "/dev/accel0"}, {"/dev/vfio/vfio", "/dev/vfio/vfio"}, {"/dev/vfio/7", "/dev/vfio/7"}}
		}, nil, []string{"dev.gvisor.internal.nvproxy=true", "--device=/dev/zero:/dev/nvidiactl", "dev.gvisor.internal.tpuproxy=true", "--device=/dev/accel0:/dev/accel0", "--device=/dev/vfio/7:/dev/vfio/7"}},
		{"the same, switched off or not a boolean", func(s *scene) {
			s.container.Annotations = map[string]string{"dev.gvisor.internal.nvproxy": "false", "dev.gvisor.internal.tpuproxy": "yes", "": "true"}
		}, nil, nil},
		{"the same of a container that another runtime started", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{8, 1}, Path: "/bin/sleep"}
			s.evidence.Gofers = nil
			s.container.Annotations = map[string]string{"dev.gvisor.internal.nvproxy": "true", "dev.gvisor.flag.debug": "true"}
		}, nil, nil},
		{"a proxy that is on for another reason", func(s *scene) {
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--root=/x", "boot", "--nvidia-driver-version=550.54.15", s.container.ID}
		}, nil, []string{"--nvidia-driver-version=550.54.15"}},
		{"logs and traces for the host", func(*scene) {}, []string{
			"--pod-init-config=/x", "--metric-server=:1", "--final-metrics-log=/x", "--profiling-metrics-log=/x", "--panic-log=/x", "--coverage-report=/x", "--debug-to-user-log", "--strace-event",
		}, []string{"--pod-init-config=/x", "--metric-server=:1", "--final-metrics-log=/x", "--profiling-metrics-log=/x", "--panic-log=/x", "--coverage-report=/x", "--debug-to-user-log", "--strace-event"}},
		{"an overlay in a directory", func(*scene) {}, []string{"--overlay2=all:dir=/x,size=1g"}, []string{"--overlay2=all:dir=/x,size=1g"}},
		{"an overlay in memory", func(*scene) {}, []string{"--overlay2=all:memory"}, nil},
		{"GPUs", func(*scene) {}, []string{"--nvproxy-docker", "--nvproxy-allow-unsupported-driver=true", "--nvproxy-allowed-driver-capabilities=utility,all"},
			[]string{"--nvproxy-docker", "--nvproxy-allow-unsupported-driver", "--nvproxy-allowed-driver-capabilities=utility,all"}},
		{"GPUs by default", func(*scene) {}, []string{"--nvproxy-allowed-driver-capabilities=compute,utility", "--nvproxy-driver-version=latest"}, nil},
		{"the host's settings, changed", func(*scene) {}, []string{"--host-settings=enforce"}, []string{"--host-settings=enforce"}},
		{"the host's settings, only read", func(*scene) {}, []string{"--host-settings=ignore", "--override-procs=kallsyms"}, nil},
		{"the last value of a flag", func(*scene) {}, []string{"--network=host", "--debug=false", "--network=sandbox", "--debug"}, []string{"--debug"}},
		{"a last value that may be another flag's", func(*scene) {}, []string{"--network=host", "--log", "--network=sandbox"}, []string{"--network=host"}},
		{"a last value after the command", func(*scene) {}, []string{"--network=host", "boot", "--network=sandbox"}, []string{"--network=host"}},
		{"V09: a value from outside", func(*scene) {}, []string{"--host-uds=\x1b[31m|\n"}, []string{`"--host-uds=\x1b[31m|\n"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			tt.change(s)
			got := Weaknesses(s.container, s.evidence, tt.args, s.releases)
			if diff := cmp.Diff(tt.want, settingsOf(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, w := range got {
				if w.Gives == "" || w.Source == "" || w.Where == "" {
					t.Errorf("%+v: a part is missing", w)
				}
			}
		})
	}
}

func TestWeaknessIsListedOnceWithAllPlaces(t *testing.T) {
	s := newScene()
	s.evidence.Process.Argv = []string{"runsc-sandbox", "--ignore-cgroups=true", "boot", s.container.ID}
	got := Weaknesses(s.container, s.evidence, []string{"--ignore-cgroups"}, s.releases)
	if len(got) != 1 || got[0].Where != "/proc/307/cmdline, /info" {
		t.Errorf("got %+v, want one, of /proc/307/cmdline and /info", got)
	}
}

func TestWeakeningsAreSortedAndComplete(t *testing.T) {
	if !slices.IsSortedFunc(weakenings, func(a, b weakening) int { return strings.Compare(a.Flag, b.Flag) }) {
		t.Error("the table is not sorted by flag")
	}
	for _, w := range weakenings {
		if w.Flag == "" || w.Is == "" || w.Gives == "" || w.Source == "" {
			t.Errorf("%+v: a part is missing", w)
		}
	}
}
