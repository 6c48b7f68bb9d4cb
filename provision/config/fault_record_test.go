package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
)

const wholeRecord = `{"version":1,"config":{"docker":{"default_runtime":"runsc"}},"sources":{"docker.default_runtime":"/etc/a.toml"}}`

// put writes text to path, or makes what the words between < and > say.
func put(t *testing.T, path, text string) {
	t.Helper()
	var err error
	switch text {
	case "<none>":
	case "<directory>":
		err = os.Mkdir(path, 0o755)
	case "<fifo>":
		err = unix.Mkfifo(path, 0o600)
	case "<huge>":
		err = os.WriteFile(path, []byte(strings.Repeat(" ", MaxFile+1)+wholeRecord), 0o600)
	default:
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFault_X22_ADamagedRecordIsNotAMissingOne(t *testing.T) {
	older := strings.Replace(wholeRecord, "/etc/a.toml", "/etc/copy.toml", 1)
	for _, test := range []struct {
		name, record, copied string
		found, damaged       bool
	}{
		{"none", "<none>", "<none>", false, false},
		{"whole, without a copy", wholeRecord, "<none>", true, false},
		{"whole, the copy damaged", wholeRecord, "{", true, true},
		{"missing, with a copy", "<none>", older, true, true},
		{"empty", "", older, true, true},
		{"cut short", wholeRecord[:40], older, true, true},
		{"another kind of JSON", "[1]", older, true, true},
		{"an empty object", "{}", older, true, true},
		{"without sources", `{"config":{}}`, older, true, true},
		{"not valid", `{"version":1,"config":{"release":{"trust":"none"}},"sources":{}}`, older, true, true},
		{"an unknown key", `{"version":1,"config":{"docker":{"colour":"red"}},"sources":{}}`, older, true, true},
		{"huge", "<huge>", older, true, true},
		{"a FIFO", "<fifo>", older, true, true},
		{"a directory", "<directory>", older, true, true},
		{"damaged, without a copy", "{", "<none>", false, true},
		{"damaged, and the copy too", "{", "}", false, true},
		{"missing, the copy damaged", "<none>", "{", false, true},
		// The copy of an older version lacks what a newer version accepted.
		{"of a newer version", strings.Replace(wholeRecord, `"version":1`, `"version":2`, 1), older, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := Files{State: t.TempDir()}
			put(t, h.AcceptedPath(), test.record)
			put(t, h.AcceptedCopyPath(), test.copied)
			got := h.Accepted()
			if got.Found != test.found || (got.Damage != nil) != test.damaged {
				t.Fatalf("got found %v, damage %v, want %v, %v", got.Found, got.Damage, test.found, test.damaged)
			}
			var damage *RecordError
			if got.Damage != nil && (!errors.As(got.Damage, &damage) || damage.Found != test.found) {
				t.Errorf("got %#v", got.Damage)
			}
			if test.found && got.Config.Docker.DefaultRuntime != "runsc" {
				t.Errorf("got %+v, want it read", got.Config.Docker)
			}
			next := Layered{Config: Default(), Sources: map[string]string{"docker.default_runtime": "/etc/b.toml"}}
			if err := h.Accept(next); err != nil {
				t.Fatalf("accept: %v", err)
			}
			got = h.Accepted()
			if got.Damage != nil || !got.Found || got.Sources["docker.default_runtime"] != "/etc/b.toml" {
				t.Errorf("after it was accepted: got %v, %v, %v", got.Found, got.Damage, got.Sources)
			}
			// A record that does not parse is kept for inspection.
			if strings.HasPrefix(test.record, "{") && test.damaged && test.copied != "{" {
				if kept, err := os.ReadFile(h.AcceptedPath() + ".unread"); string(kept) != test.record {
					t.Errorf("kept %q, %v, want %q", kept, err, test.record)
				}
			}
		})
	}
}

// A flag can name a runtime of a file that has an error elsewhere. The error to correct is that of the file.
func TestFault_X21_AFlagIsNotBlamedForAFile(t *testing.T) {
	dir := t.TempDir()
	h := Files{State: dir, Config: filepath.Join(dir, "etc")}
	if err := h.Accept(Layered{Config: Default(), Sources: map[string]string{}}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(h.Config, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.Config, "config.toml")
	put(t, file, "[docker.runtimes.strict]\nargs = [\"\"]\n")
	strict := "strict"
	var refused *Error
	if _, err := h.InEffect(h.Accepted(), Overrides{Builds: &strict}, false); !errors.As(err, &refused) || refused.Source != file {
		t.Errorf("got %v, want the error of %s", err, file)
	}
}

func TestFault_X21_WhatTheFilesHaveLostStaysInEffect(t *testing.T) {
	const both = "[release]\nversion = \"20260914.0\"\n[docker]\ndefault_runtime = \"runsc\"\n"
	runc, release := "runc", "20260907.0"
	for _, test := range []struct {
		name        string
		accepted    string // the accepted config.toml; "-" for no record
		now         string // the present file; "-" for no file
		flags       Overrides
		giveUp      bool
		lost        string
		defaultRun  string
		version     string
		acceptable  bool
		afterwards  string // keys that are lost at the next run, after AcceptInEffect
		held, given bool
	}{
		{name: "the same, in another file", accepted: both, now: both, defaultRun: "runsc", version: "20260914.0", acceptable: true},
		{name: "no record", accepted: "-", now: both, defaultRun: "runsc", version: "20260914.0", acceptable: true},
		{name: "no record and no file", accepted: "-", now: "-", version: "latest", acceptable: true},
		{name: "another value", accepted: both, now: "[release]\nversion = \"20260914.0\"\n[docker]\ndefault_runtime = \"runc\"\n", defaultRun: "runc", version: "20260914.0", acceptable: true},
		{name: "an empty value", accepted: both, now: "[release]\nversion = \"20260914.0\"\n[docker]\ndefault_runtime = \"\"\n", version: "20260914.0", acceptable: true},
		{name: "only metrics gone", accepted: both + "[metrics]\nlisten = \"127.0.0.1:9617\"\n", now: both, defaultRun: "runsc", version: "20260914.0", acceptable: true},
		{name: "no file", accepted: both, now: "-", lost: "docker.default_runtime release.version", defaultRun: "runsc", version: "20260914.0", held: true, afterwards: "docker.default_runtime release.version"},
		{name: "emptied", accepted: both, now: "", lost: "docker.default_runtime release.version", defaultRun: "runsc", version: "20260914.0", held: true, afterwards: "docker.default_runtime release.version"},
		{name: "one line gone, another changed", accepted: both, now: "[release]\nversion = \"20260907.0\"\n", lost: "docker.default_runtime", defaultRun: "runsc", version: "20260914.0", held: true, afterwards: "docker.default_runtime"},
		{name: "one line gone, a flag beside", accepted: both, now: "-", flags: Overrides{Version: &release}, lost: "docker.default_runtime", defaultRun: "runsc", version: "20260907.0", held: true, afterwards: "docker.default_runtime"},
		{name: "all keys as flags", accepted: both, now: "-", flags: Overrides{Version: &release, DefaultRuntime: &runc}, defaultRun: "runc", version: "20260907.0", acceptable: true},
		{name: "given up", accepted: both, now: "-", giveUp: true, version: "latest", acceptable: true, given: true},
		{name: "nothing to give up", accepted: both, now: both, giveUp: true, defaultRun: "runsc", version: "20260914.0", acceptable: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			h := Files{State: dir, Config: filepath.Join(dir, "etc")}
			file, other := filepath.Join(h.Config, "config.toml"), filepath.Join(h.Config, "config.d", "99-other.toml")
			if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
				t.Fatal(err)
			}
			if test.accepted != "-" {
				put(t, file, test.accepted)
				in, err := h.InEffect(h.Accepted(), Overrides{}, false)
				if err == nil {
					err = h.AcceptInEffect(in, matching(t))
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			if test.now != "-" {
				put(t, other, test.now)
			}
			in, err := h.InEffect(h.Accepted(), test.flags, test.giveUp)
			if err != nil {
				t.Fatal(err)
			}
			lost := ""
			if in.Lost != nil {
				lost = strings.Join(in.Lost.Keys, " ")
			}
			if lost != test.lost || in.Config.Docker.DefaultRuntime != test.defaultRun || in.Config.Release.Version != test.version || in.Acceptable() != test.acceptable {
				t.Errorf("got lost %q, default %q, version %q, acceptable %v\nwant %q, %q, %q, %v", lost, in.Config.Docker.DefaultRuntime, in.Config.Release.Version, in.Acceptable(),
					test.lost, test.defaultRun, test.version, test.acceptable)
			}
			if (in.Unsettled()) != test.held || (in.GivenUp != nil) != test.given {
				t.Errorf("got held %v, given up %v", in.Unsettled(), in.GivenUp)
			}
			// After AcceptInEffect and Save, the next run has the same result.
			if _, err := test.flags.Save(h.Config); err != nil {
				t.Fatal(err)
			}
			if err := h.AcceptInEffect(in, matching(t)); err != nil {
				t.Fatal(err)
			}
			next, err := h.InEffect(h.Accepted(), Overrides{}, false)
			if err != nil {
				t.Fatal(err)
			}
			again := ""
			if next.Lost != nil {
				again = strings.Join(next.Lost.Keys, " ")
			}
			if again != test.afterwards || next.Config.Docker.DefaultRuntime != test.defaultRun || next.Config.Release.Version != test.version {
				t.Errorf("afterwards: got lost %q, default %q, version %q", again, next.Config.Docker.DefaultRuntime, next.Config.Release.Version)
			}
		})
	}
}

func TestFault_X21_WhatIsLostDuringAnApplyIsNotGivenUp(t *testing.T) {
	dir := t.TempDir()
	h := Files{State: dir, Config: dir}
	put(t, filepath.Join(dir, "config.toml"), "[docker]\ndefault_runtime = \"runsc\"\n")
	in, err := h.InEffect(h.Accepted(), Overrides{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "config.toml")); err != nil {
		t.Fatal(err)
	}
	if err := h.AcceptInEffect(in, matching(t)); err != nil {
		t.Fatal(err)
	}
	if in, err = h.InEffect(h.Accepted(), Overrides{}, false); err != nil || in.Lost == nil {
		t.Errorf("got lost %v, %v, want docker.default_runtime", in.Lost, err)
	}
}

func TestFault_X22_FilesAndRecordLostTogether(t *testing.T) {
	dir := t.TempDir()
	h := Files{State: dir, Config: dir}
	put(t, h.AcceptedPath(), "{")
	var damage *RecordError
	if _, err := h.InEffect(h.Accepted(), Overrides{}, false); !errors.As(err, &damage) {
		t.Errorf("got %v, want the record's damage, not the built-in values", err)
	}
	// Files with settings are in effect, but never accepted without --give-up.
	file := filepath.Join(dir, "config.toml")
	put(t, file, "[docker]\ndefault_runtime = \"runsc\"\n")
	in, err := h.InEffect(h.Accepted(), Overrides{}, false)
	if err != nil || in.Config.Docker.DefaultRuntime != "runsc" || in.Acceptable() || !in.Unsettled() {
		t.Errorf("got %+v, %v", in, err)
	}
	if err := h.AcceptInEffect(in, matching(t)); err != nil || h.Accepted().Found {
		t.Errorf("got %v, found %v, want the record left", err, h.Accepted().Found)
	}
	// Without readable files, there is no configuration.
	put(t, file, "[dock")
	var refused *Error
	if _, err := h.InEffect(h.Accepted(), Overrides{}, false); !errors.As(err, &refused) || !errors.As(err, &damage) {
		t.Errorf("got %v, want both reasons", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if in, err = h.InEffect(h.Accepted(), Overrides{}, true); err != nil || !in.Acceptable() {
		t.Errorf("given up: got %+v, %v", in, err)
	}
	if err := h.AcceptInEffect(in, matching(t)); err != nil || !h.Accepted().Found {
		t.Errorf("given up: got %v, found %v", err, h.Accepted().Found)
	}
}

// matching is a daemon.json with the default runtime runsc.
func matching(t *testing.T) daemonjson.Document {
	t.Helper()
	return documentOf(t, `{"default-runtime":"runsc"}`)
}

func documentOf(t *testing.T, text string) daemonjson.Document {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// A held key was never in effect: the user may remove it from the configuration, and
// nothing is lost.
func TestFault_X21_WhatWasHeldIsNotLost(t *testing.T) {
	h := Files{State: t.TempDir()}
	config := Default()
	config.Docker.DefaultRuntime, config.Docker.UsernsRemap = "runsc", "default"
	l := Layered{Config: config, Sources: map[string]string{"docker.default_runtime": "a", "docker.userns_remap": "a", "release.version": "a"}}
	if err := h.Accept(h.WithoutHeld(l, matching(t))); err != nil {
		t.Fatal(err)
	}
	if got := h.Accepted(); got.sets("docker.userns_remap") || !got.sets("docker.default_runtime") || !got.sets("release.version") {
		t.Errorf("got %v, want all except the held key", got.Sources)
	}
	// daemon.json does not show what builds run with: the plan says that it is held.
	l.Sources["docker.builds"] = "a"
	for held, want := range map[string]bool{ItemBuilds: false, ItemLink: true} {
		if got := h.WithoutHeld(l, matching(t), held); got.sets("docker.builds") != want {
			t.Errorf("%s is held: got the key %t, want %t", held, !want, want)
		}
	}
	// A key that was in effect stays, even while a new value of it is held.
	was := h.WithoutHeld(l, documentOf(t, "{}"))
	if !was.sets("docker.default_runtime") {
		t.Errorf("got %v, want the key that was accepted before", was.Sources)
	}
}
