package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFault_X10_PathsAreRefused(t *testing.T) {
	for _, test := range []struct {
		text string
		key  string // refused; "" is accepted
	}{
		{"", ""},
		{`store = "/opt/gvisor"`, ""},
		{`link = ""`, ""},
		{"store = \"/opt/gvisor\"\nlink = \"/opt/bin/runsc\"", ""},
		{`store = ""`, "paths.store"},
		{`store = "opt/gvisor"`, "paths.store"},
		{`store = "/opt/gvisor/"`, "paths.store"},
		{`store = "/opt/../etc/gvisor"`, "paths.store"},
		{`store = "/opt/g visor"`, "paths.store"},
		{`store = "/opt/$(id)"`, "paths.store"},
		{`store = "/opt/g:ro"`, "paths.store"},
		{`store = "/"`, "paths.store"},
		{`store = "/opt"`, "paths.store"},
		{`store = "/var/lib"`, "paths.store"},
		{`store = "/usr/local/lib"`, "paths.store"},
		{`store = "/"`, "paths.store"},
		{`link = "/"`, "paths.link"},
		{`store = "/tmp/gvisor"`, "paths.store"},
		{`store = "/run/gvisor"`, "paths.store"},
		{`store = "/home/gvisor/store"`, "paths.store"},
		{`link = "runsc"`, "paths.link"},
		{`link = "/tmp/runsc"`, "paths.link"},
		{`link = "/usr/local/lib/gvisor"`, "paths.link"},
		{`link = "/usr/local/lib/gvisor/runsc"`, "paths.link"},
		{"store = \"/opt/x/gvisor\"\nlink = \"/opt/x\"", "paths.link"},
		{`place = "/opt/gvisor"`, "paths.place"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[paths]\n"+test.text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir)
		var refused *Error
		if errors.As(err, &refused) != (test.key != "") || refused != nil && refused.Key != test.key {
			t.Errorf("%s: got %v, want %q refused", test.text, err, test.key)
		}
	}
}

func TestFault_X10_PathsAreLayered(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"config.toml": "[paths]\nstore = \"/opt/a\"\nlink = \"/opt/bin/a\"\n", "config.d/10.toml": "[paths]\nlink = \"\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Load(dir)
	if want := (Paths{Store: "/opt/a"}); err != nil || l.Config.Paths != want {
		t.Errorf("got %+v, %v, want %+v", l.Config.Paths, err, want)
	}
	if got := l.Sources["paths.link"]; got != filepath.Join(dir, "config.d/10.toml") {
		t.Errorf("paths.link is from %s", got)
	}
}
