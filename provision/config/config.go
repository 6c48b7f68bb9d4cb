// Package config guarantees that a setting that was in effect is never lost unnoticed. It
// reads the configuration from files and flags, validates and saves it, and compares it
// with the record of what was accepted last. Every value names the file or flag that it
// came from. The package writes only its own files, and never changes Docker.
package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/release"
)

// Config is the wanted state of a host. This program does not manage what is unset: it
// neither sets nor reverts it.
type Config struct {
	Release Release `toml:"release" json:"release"`
	Docker  Docker  `toml:"docker" json:"docker"`
	Paths   Paths   `toml:"paths" json:"paths"`
	Enforce Enforce `toml:"enforce" json:"enforce"`
	Metrics Metrics `toml:"metrics" json:"metrics"`
}

// Release selects a gVisor release and its source.
type Release struct {
	Source        string            `toml:"source" json:"source"`                 // gvisor, system
	Version       string            `toml:"version" json:"version"`               // latest, YYYYMMDD, YYYYMMDD.N, YYYY-MM-DD (nightly)
	Channel       string            `toml:"channel" json:"channel"`               // release, nightly, master
	Trust         string            `toml:"trust" json:"trust"`                   // signed, two-sources, checksum
	URL           string            `toml:"url" json:"url"`                       // https, or file:///DIRECTORY
	RedirectHosts []string          `toml:"redirect_hosts" json:"redirect_hosts"` // besides the host of url
	SHA512        map[string]string `toml:"sha512" json:"sha512"`                 // pins: file name to 128 hex digits
	Keep          int               `toml:"keep" json:"keep"`                     // how many earlier releases to keep besides those in use
	MirrorURL     string            `toml:"mirror_url" json:"mirror_url"`         // with trust "two-sources": the second one
	Upgrade       string            `toml:"upgrade" json:"upgrade"`               // manual, auto
	UpgradeWindow Window            `toml:"upgrade_window" json:"upgrade_window"` // when the daemon may upgrade
	UpgradeAfter  Duration          `toml:"upgrade_after" json:"upgrade_after"`   // how long a release must have been out before the daemon takes it
	// With trust "signed":
	KeyFingerprints []string `toml:"key_fingerprints" json:"key_fingerprints"` // of the keys that may sign
	KeyURL          string   `toml:"key_url" json:"key_url"`                   // where their public keys are
	Keyring         string   `toml:"keyring" json:"keyring,omitempty"`         // a file with them, in place of key_url
	MaxIndexAge     Duration `toml:"max_index_age" json:"max_index_age"`       // of the index of latest; 0 is for ever
}

// Who asks the source for a newer release: apply --upgrade alone, or the daemon too.
const (
	UpgradeManual = "manual"
	UpgradeAuto   = "auto"
)

// maxUpgradeAfter is longer than any release is supported.
const maxUpgradeAfter = Duration(365 * 24 * time.Hour)

// Docker mirrors daemon.json.
type Docker struct {
	DefaultRuntime string             `toml:"default_runtime" json:"default_runtime,omitempty"` // "": not managed
	UsernsRemap    string             `toml:"userns_remap" json:"userns_remap,omitempty"`       // "default", user, user:group, "off"; "": not managed
	Builds         string             `toml:"builds" json:"builds,omitempty"`                   // what BuildKit's steps run with: runc, or one of Runtimes; "": not managed
	Names          string             `toml:"names" json:"names,omitempty"`                     // maintain, off; "": not managed
	Runtimes       map[string]Runtime `toml:"runtimes" json:"runtimes"`
}

// The values of Docker.Names: what becomes of the names of containers in sandboxes, on networks that users made.
const (
	NamesMaintain = "maintain"
	NamesOff      = "off"
)

// Runtime is one runtime that runs the release. Nil Args leave the arguments in daemon.json
// as they are; empty Args remove them.
type Runtime struct {
	Args   []string `toml:"args" json:"args"`
	Rootfs string   `toml:"rootfs" json:"rootfs,omitempty"` // docker, sandbox; "": see RootfsDocker
}

// Default is the configuration of a host without config files: the newest release,
// registered as runsc. Nothing else is managed.
func Default() Config {
	return Config{
		Release: Release{
			Source:  release.SourceGVisor,
			Version: "latest",
			Channel: "release",
			Trust:   release.TrustSigned,
			URL:     "https://storage.googleapis.com/gvisor/releases",
			Keep:    1,
			Upgrade: UpgradeManual,

			MirrorURL:       release.GVisorMirror,
			KeyFingerprints: []string{release.GVisorKey},
			KeyURL:          release.GVisorKeyURL,
			MaxIndexAge:     Duration(90 * 24 * time.Hour),
		},
		Docker:  Docker{Runtimes: map[string]Runtime{DefaultRuntimeName: {}}},
		Paths:   DefaultPaths(),
		Enforce: defaultEnforce(),
	}
}

const (
	// DefaultRuntimeName is the runtime that every configuration has.
	DefaultRuntimeName = "runsc"
	// Off is the value that takes back what this program set: of default_runtime and builds. No runtime has this name.
	Off = "off"
	// RuncRuntime is the name of dockerd's built-in runtime.
	RuncRuntime = "runc"
)

// Spec converts the release part of c for package release.
func (c Config) Spec() release.Spec {
	return release.Spec{
		Source:        c.Release.Source,
		URL:           c.Release.URL,
		Channel:       c.Release.Channel,
		Version:       c.Release.Version,
		Arch:          release.Arch(),
		RedirectHosts: c.Release.RedirectHosts,
		SHA512:        c.Release.SHA512,
		Trust:         c.Release.Trust,
		Mirror:        c.Release.MirrorURL,
		Signing: release.Signing{
			Fingerprints: c.Release.KeyFingerprints,
			KeyURL:       c.Release.KeyURL,
			Keyring:      c.Release.Keyring,
			MaxAge:       time.Duration(c.Release.MaxIndexAge),
		},
	}
}

// RuntimeNames lists the managed runtimes, sorted.
func (c Config) RuntimeNames() []string {
	return slices.Sorted(maps.Keys(c.Docker.Runtimes))
}

// Error is a refused value of the configuration. Source is the file or flag that it came
// from, with line and column if they are known.
type Error struct {
	Source string
	Key    string // dotted, as in config.toml; "" if the text does not parse
	Reason string
	Err    error // why a file could not be read; else nil
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{e.Source, e.Key, e.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

var (
	sha512Hex = pattern.Lazy(`^[0-9a-fA-F]{128}$`)
	// remapUser matches a user or uid, and optionally a group or gid, with names
	// as useradd(8) accepts them.
	remapUser = pattern.Lazy(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31})?$`)
)

// Validate checks all values. The error is an *Error with the key as in config.toml; the
// caller fills in its Source.
func (c Config) Validate() error {
	if c.Release.Keep < 0 || c.Release.Keep > 100 {
		return &Error{Key: "release.keep", Reason: fmt.Sprintf("%d is not between 0 and 100", c.Release.Keep)}
	}
	switch {
	case c.Release.Source == release.SourceSystem && c.Release.Upgrade == UpgradeAuto:
		return &Error{Key: "release.upgrade", Reason: fmt.Sprintf("%q does not go with source %q: the package manager upgrades", UpgradeAuto, release.SourceSystem)}
	case c.Release.Upgrade != UpgradeManual && c.Release.Upgrade != UpgradeAuto:
		return &Error{Key: "release.upgrade", Reason: fmt.Sprintf("%q is not one of: manual, auto", c.Release.Upgrade)}
	case c.Release.UpgradeAfter < 0 || c.Release.UpgradeAfter > maxUpgradeAfter:
		return &Error{Key: "release.upgrade_after", Reason: fmt.Sprintf("%s is not between 0s and %s", time.Duration(c.Release.UpgradeAfter), time.Duration(maxUpgradeAfter))}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Release.SHA512)) {
		if !sha512Hex().MatchString(c.Release.SHA512[name]) {
			return &Error{Key: "release.sha512." + name, Reason: "not 128 hexadecimal digits"}
		}
	}
	if err := c.Spec().Validate(); err != nil {
		return WrapSpecError(err)
	}
	for _, err := range []error{c.Docker.validate(), c.Paths.validate(), c.Enforce.validate(), c.Metrics.validate()} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d Docker) validate() error {
	for _, name := range slices.Sorted(maps.Keys(d.Runtimes)) {
		key := "docker.runtimes." + name
		if name == Off {
			return &Error{Key: key, Reason: fmt.Sprintf("%q is no name for a runtime: default_runtime and builds take it as a value of its own", Off)}
		}
		if err := daemonjson.CheckName(name); err != nil {
			return &Error{Key: key, Reason: err.Error()}
		}
		for i, arg := range d.Runtimes[name].Args {
			if err := daemonjson.CheckArg(arg); err != nil {
				return &Error{Key: fmt.Sprintf("%s.args[%d]", key, i), Reason: err.Error()}
			}
		}
		if err := d.Runtimes[name].validateRootfs(key); err != nil {
			return err
		}
	}
	if d.UsernsRemap != "" && !remapUser().MatchString(d.UsernsRemap) {
		return &Error{Key: "docker.userns_remap", Reason: fmt.Sprintf("%q is not default, off, a user, or user:group", d.UsernsRemap)}
	}
	if value, isWord := RemapWord(d.UsernsRemap); isWord && value != d.UsernsRemap {
		return &Error{Key: "docker.userns_remap", Reason: fmt.Sprintf("%q is not a user: write %q", d.UsernsRemap, value)}
	}
	if user, _ := RemapNames(d.UsernsRemap); user == "root" || user == "0" {
		return &Error{Key: "docker.userns_remap", Reason: fmt.Sprintf("%q maps nothing: dockerd treats root as no remapping", d.UsernsRemap)}
	}
	if strings.HasPrefix(d.UsernsRemap, RemapDefault+":") || strings.HasPrefix(d.UsernsRemap, RemapDisabled+":") {
		return &Error{Key: "docker.userns_remap", Reason: fmt.Sprintf("%q: only a user can have a group", d.UsernsRemap)}
	}
	if d.Names != "" && d.Names != NamesMaintain && d.Names != NamesOff {
		return &Error{Key: "docker.names", Reason: fmt.Sprintf("%q is not one of: %s, %s", d.Names, NamesMaintain, NamesOff)}
	}
	for _, key := range []struct{ name, runtime string }{{"docker.default_runtime", d.DefaultRuntime}, {"docker.builds", d.Builds}} {
		if key.runtime == "" || key.runtime == RuncRuntime || key.runtime == Off {
			continue
		}
		if _, managed := d.Runtimes[key.runtime]; !managed {
			return &Error{Key: key.name, Reason: fmt.Sprintf(
				"%q is neither off, runc nor one of docker.runtimes (%s)", key.runtime, strings.Join(slices.Sorted(maps.Keys(d.Runtimes)), ", "))}
		}
	}
	return nil
}

// BuildsInSandbox is the runtime that the steps of builds shall run with; "" if they shall not run in gVisor, or if
// that is not managed.
func (d Docker) BuildsInSandbox() string {
	if d.Builds == RuncRuntime || d.Builds == Off {
		return ""
	}
	return d.Builds
}
