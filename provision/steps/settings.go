package steps

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/redact"
)

// Settings are what dockerd runs with, or shall run with, as far as its API tells.
type Settings struct {
	Runtimes map[string]daemonjson.Runtime
	Without  []string // runtimes that it must not have
	// Keeps are runtimes, not ours, that it must still have.
	Keeps   map[string]engine.Runtime
	Default string // "": any
	Remap   config.Remap
	Root    string // the data root; "": any
}

// Missing says how dockerd differs from s; nil if it runs with s.
func (s Settings) Missing(info engine.Info) error {
	for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
		want := s.Runtimes[name]
		got, known := info.Runtimes[name]
		switch {
		case !known:
			return fmt.Errorf("it has no runtime %s", name)
		case got.Path != want.Path:
			return fmt.Errorf("its runtime %s runs %s, not %s", name, got.Path, want.Path)
		case !slices.Equal(got.Args, want.Args):
			return fmt.Errorf("its runtime %s has the arguments %q, not %q", name, formatArgs(got.Args), formatArgs(want.Args))
		}
	}
	for _, name := range s.Without {
		if _, known := info.Runtimes[name]; known {
			return fmt.Errorf("it still has the runtime %s", name)
		}
	}
	if err := CheckKept(s.Keeps, info); err != nil {
		return err
	}
	if s.Default != "" && info.DefaultRuntime != s.Default {
		return fmt.Errorf("its default runtime is %s, not %s", info.DefaultRuntime, s.Default)
	}
	if s.Remap != config.RemapAny && s.Remap != config.RemapOf(info.UsernsRemap) {
		return fmt.Errorf("its userns-remap is %s, not %s", config.RemapOf(info.UsernsRemap), s.Remap)
	}
	if s.Root != "" && info.RootDir != s.Root {
		return fmt.Errorf("its data root is %s, not %s", info.RootDir, s.Root)
	}
	return nil
}

// formatArgs is the arguments of a runtime in one line, without secrets.
func formatArgs(args []string) string { return strings.Join(redact.RuntimeArguments(args), " ") }

// CheckKept says which of the runtimes in kept dockerd has lost or changed; nil if none.
func CheckKept(kept map[string]engine.Runtime, info engine.Info) error {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		want := kept[name]
		got, known := info.Runtimes[name]
		switch {
		case !known:
			return fmt.Errorf("it has lost the runtime %s", name)
		case got.Path != want.Path || got.Type != want.Type || !slices.Equal(got.Args, want.Args):
			return fmt.Errorf("its runtime %s has changed", name)
		}
	}
	return nil
}
