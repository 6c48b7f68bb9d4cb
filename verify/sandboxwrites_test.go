package verify

import (
	"slices"
	"testing"
)

func TestSandboxWrites(t *testing.T) {
	with := func(flags ...string) func(*scene) {
		return func(s *scene) {
			argv := s.evidence.Process.Argv
			s.evidence.Process.Argv = slices.Concat(argv[:1], flags, []string{"boot", argv[len(argv)-1]})
		}
	}
	annotated := func(key, value string, more func(*scene)) func(*scene) {
		return func(s *scene) { more(s); s.container.Annotations = map[string]string{key: value} }
	}
	for _, tt := range []struct {
		name    string
		change  func(*scene)
		want    Writes
		chooses bool
	}{
		{"gVisor's default", with(), WritesLost, false},
		{"without an overlay", with("--root=/run/x", "--overlay2=none", "--dcache=0"), WritesKept, false},
		{"the last value counts", with("--overlay2=none", "--overlay2=root:memory"), WritesLost, false},
		{"after the command, where it is no flag of runsc", func(s *scene) {
			s.evidence.Process.Argv = []string{sandboxName, "boot", "--overlay2=none", s.container.ID}
		}, WritesLost, false},
		{"runsc boots it", func(s *scene) { with("--overlay2=none")(s); s.evidence.Process.Exe.ID.Ino = 10 }, WritesKept, false},
		{"a process that is no sandbox", func(s *scene) { s.evidence.Process.Exe.ID.Ino = 12 }, "", false},
		{"arguments that are too long", func(s *scene) { s.evidence.Process.ArgvCut = true }, "", false},
		{"unreadable", func(s *scene) { s.evidence.Gap = Denied }, "", false},
		{"its own overlay", annotated("dev.gvisor.flag.overlay2", "root:memory", with("--overlay2=root:memory")), WritesLost, true},
		{"its own root file system, in memory", annotated("dev.gvisor.spec.rootfs.overlay", "memory", with("--overlay2=none")), WritesLost, true},
		{"its own root file system", annotated("dev.gvisor.spec.rootfs.overlay", "none", with("--overlay2=none")), WritesKept, true},
		{"another annotation", annotated("dev.gvisor.flag.debug", "true", with("--overlay2=none")), WritesKept, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			tt.change(s)
			if got := SandboxWrites(s.container, s.evidence, s.releases); got != tt.want {
				t.Errorf("got writes %q, want %q", got, tt.want)
			}
			if got := s.container.ChoosesOverlay(); got != tt.chooses {
				t.Errorf("got its own choice %t, want %t", got, tt.chooses)
			}
		})
	}
}
