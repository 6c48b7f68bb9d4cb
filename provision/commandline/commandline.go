// Package commandline reads the command line that a dockerd was started with, or that systemd would start:
// from /proc, or from the unit, with its environment files and variables. It knows which options of daemon.json
// are also given there, which keeps dockerd from starting.
//
// It only reads. Arguments are returned as they are, so they are not safe for a terminal.
package commandline

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"runsc-provisioner/provision/durable"
)

// Service is what systemd says about the unit that runs dockerd.
type Service struct {
	MainPID          int // 0 if it is not running
	FragmentPath     string
	DropIns          []string // in the order in which they are applied
	ExecStart        []string // argv, variables not expanded
	Environment      []string // NAME=VALUE
	EnvironmentFiles []string // paths or patterns; with a leading "-" it may be missing
}

// Of returns the argv of a unit's dockerd: that of the running one,
// from PROC/PID/cmdline, or else the one that systemd would start. If the
// process has just ended the error is fs.ErrNotExist: read the unit again.
func Of(proc string, s Service) ([]string, error) {
	if s.MainPID == 0 {
		return startLine(s)
	}
	line, err := readSmall(filepath.Join(proc, strconv.Itoa(s.MainPID), "cmdline"))
	if err != nil {
		return nil, fmt.Errorf("read command line of process %d: %w", s.MainPID, err)
	}
	if line == "" {
		return nil, fmt.Errorf("read command line of process %d: it has ended: %w", s.MainPID, fs.ErrNotExist)
	}
	return strings.Split(strings.TrimSuffix(line, "\x00"), "\x00"), nil
}

// startLine returns ExecStart with its variables expanded from the unit's
// environment. It does not know the environment of systemd itself.
func startLine(s Service) ([]string, error) {
	environment, err := environmentOf(s)
	if err != nil {
		return nil, err
	}
	return expand(s.ExecStart, environment), nil
}

// environmentOf returns the environment that the unit sets.
func environmentOf(s Service) (map[string]string, error) {
	environment := map[string]string{}
	for _, assignment := range s.Environment {
		name, value, _ := strings.Cut(assignment, "=")
		environment[name] = value
	}
	// Files override Environment=, whatever their order in the unit
	// (systemd.exec(5)).
	for _, pattern := range s.EnvironmentFiles {
		files, err := environmentFiles(pattern)
		if err != nil {
			return nil, err
		}
		for _, text := range files {
			maps.Copy(environment, parseEnvironmentFile(text))
		}
	}
	return environment, nil
}

// environmentFiles reads the files of one EnvironmentFile= setting.
func environmentFiles(pattern string) ([]string, error) {
	pattern, optional := strings.CutPrefix(pattern, "-")
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		paths = []string{pattern}
	}
	var texts []string
	for _, path := range paths {
		text, err := readSmall(path)
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read environment file: %w", err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// maxSmall is the longest command line or environment file that is read; the
// kernel's own limit for a command line is 2 MiB by default.
const maxSmall = 2 << 20

func readSmall(path string) (string, error) {
	content, err := durable.ReadLimited(path, maxSmall)
	return string(content), err
}
