package provision

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/provision/engine"
)

// missing is nil when dockerd runs as s wants, or says what differs.
func (s Confirm) missing(info engine.Info) error {
	for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
		want := s.Runtimes[name]
		got, known := info.Runtimes[name]
		switch {
		case !known:
			return fmt.Errorf("it knows no runtime %s", name)
		case got.Path != want.Path:
			return fmt.Errorf("its runtime %s runs %s, not %s", name, got.Path, want.Path)
		case !slices.Equal(got.Args, want.Args):
			return fmt.Errorf("its runtime %s has the arguments %q, not %q", name, strings.Join(got.Args, " "), strings.Join(want.Args, " "))
		}
	}
	for _, name := range s.Without {
		if _, known := info.Runtimes[name]; known {
			return fmt.Errorf("it still knows the runtime %s", name)
		}
	}
	if s.Default != "" && info.DefaultRuntime != s.Default {
		return fmt.Errorf("its default runtime is %s, not %s", info.DefaultRuntime, s.Default)
	}
	if s.Remap != RemapAny && s.Remap != remapOf(info.UsernsRemap) {
		return fmt.Errorf("its userns-remap is %s, not %s", remapOf(info.UsernsRemap), s.Remap)
	}
	return nil
}
