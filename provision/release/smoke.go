package release

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"runsc-provisioner/provision/durable"
)

// The directory in a bundle with the programs that runsc starts (gVisor,
// runsc/gvisorbinaries), and the one of them that supports --version.
const (
	sidecarDir = "gvisor-bin"
	sentryName = "gvisor_sentry"
)

// smoke checks that the authenticated release in dir, fetched from source, runs
// here and reports the version that spec asks for. alone is dir if nothing else runs from it,
// and otherwise "". Its errors are *RefusedError, unless this host is at fault.
func smoke(ctx context.Context, dir, alone, source string, spec Spec, limits Limits) (Label, error) {
	limits = limits.withDefaults()
	refuse := func(format string, args ...any) error {
		return newRefused("check", source, fmt.Errorf(format, args...))
	}
	label, err := inspect(ctx, alone, filepath.Join(dir, "runsc"), spec.Arch, limits)
	var host *hostError
	if errors.As(err, &host) {
		return Label{}, host.error
	}
	if err != nil {
		return Label{}, refuse("runsc %w", err)
	}
	if !label.mayComeFrom(spec) {
		return Label{}, refuse("runsc reports release %s, want %s of channel %s", label, spec.Version, spec.Channel)
	}
	// runsc panics when it starts a sidecar of another release (gVisor,
	// runsc/gvisorbinaries VerifyMatchingRelease).
	sentry := filepath.Join(dir, sidecarDir, sentryName)
	if _, err := os.Lstat(sentry); errors.Is(err, fs.ErrNotExist) {
		return label, nil
	}
	sentryLabel, err := inspect(ctx, alone, sentry, spec.Arch, limits)
	if errors.As(err, &host) {
		return Label{}, host.error
	}
	if err != nil {
		return Label{}, refuse("%s %w", sentryName, err)
	}
	if sentryLabel != label {
		return Label{}, refuse("%s reports release %s, runsc %s", sentryName, sentryLabel, label)
	}
	return label, nil
}

// inspect checks one program and then runs it. alone is as for smoke.
func inspect(ctx context.Context, alone, path, arch string, limits Limits) (Label, error) {
	if err := checkELF(path, arch); err != nil {
		return Label{}, err
	}
	output, err := askVersion(ctx, alone, path, limits)
	if err != nil {
		return Label{}, err
	}
	line, _, _ := strings.Cut(output, "\n")
	text, found := strings.CutPrefix(line, "runsc version ")
	if !found {
		return Label{}, fmt.Errorf("--version prints %.100q", output)
	}
	label, err := ParseLabel(text)
	if err != nil {
		return Label{}, fmt.Errorf("--version prints %.100q: %w", line, err)
	}
	return label, nil
}

// checkELF accepts a static 64-bit program for arch. A dynamic runsc would die
// when a sandbox starts: it executes itself in a root without a loader.
func checkELF(path, arch string) error {
	f, err := durable.OpenRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("is missing")
	}
	if err != nil {
		return &hostError{err}
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return errors.New("is not an ELF file")
	}
	machine := map[string]elf.Machine{"x86_64": elf.EM_X86_64, "aarch64": elf.EM_AARCH64}[arch]
	if program.Machine != machine || program.Class != elf.ELFCLASS64 {
		return fmt.Errorf("is for %v, not %v", program.Machine, machine)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("is not static")
		}
	}
	return nil
}
