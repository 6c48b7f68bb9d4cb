package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/host"
)

func TestFault_X22_WhatADaemonKeepsAHostAt(t *testing.T) {
	const config = "[docker]\ndefault_runtime = \"runsc\"\n"
	for _, test := range []struct {
		name       string
		runs       bool // it has read a whole record before
		config     string
		record     string // what the record and its copy are then
		want       string // the default runtime; "none" for an error
		kept       bool   // the last good one is kept
		said       bool   // of the record
		acceptable bool
	}{
		{"at its start, all is well", false, config, "whole", "runsc", false, false, true},
		{"at its start, the files are lost", false, "", "whole", "runsc", true, false, false},
		{"at its start, the record is damaged", false, config, "damaged", "runsc", false, true, false},
		{"at its start, all is lost", false, "", "damaged", "none", false, false, false},
		{"at its start, half a file and no record", false, "[dock", "damaged", "none", false, false, false},
		{"it runs, and the record is damaged", true, config, "damaged", "runsc", false, true, true},
		{"it runs, and all is lost", true, "", "damaged", "runsc", true, true, false},
		{"it runs, and half a file and no record", true, "[dock", "damaged", "runsc", true, true, false},
		{"it runs, and the record is gone", true, config, "gone", "runsc", false, false, true},
		{"it runs, and all is gone", true, "", "gone", "runsc", true, false, false},
		{"it runs, and a newer version took over", true, config, "newer", "runsc", false, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			host := &host.Host{Paths: host.Paths{State: dir, Config: dir}}
			file := filepath.Join(dir, "config.toml")
			write := func(path, text string) {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(file, config)
			last, err := keep(host, keptConfig{})
			if err == nil {
				err = host.ConfigFiles().Accept(last.Layered)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !test.runs {
				last = keptConfig{}
			}
			write(file, test.config)
			records, err := filepath.Glob(filepath.Join(dir, "accepted*.json"))
			if err != nil || len(records) != 2 {
				t.Fatal(records, err)
			}
			for _, path := range records {
				switch test.record {
				case "damaged":
					write(path, "{")
				case "newer":
					write(path, `{"version": 99}`)
				case "gone":
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			got, err := keep(host, last)
			if test.want == "none" {
				if !errors.Is(err, errNoConfig) {
					t.Fatalf("got %+v, %v, want errNoConfig", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Config.Docker.DefaultRuntime != test.want || (got.whyKept != "") != test.kept || (got.recordDamage != "") != test.said || got.mayWriteRecord != test.acceptable {
				t.Errorf("got default %q, why %q, record %q, acceptable %v", got.Config.Docker.DefaultRuntime, got.whyKept, got.recordDamage, got.mayWriteRecord)
			}
			// A second round knows no more than the first: it accepts nothing either.
			if again, err := keep(host, got); err != nil || again.mayWriteRecord != test.acceptable || strings.TrimSpace(again.recordDamage) != got.recordDamage {
				t.Errorf("again: got %+v, %v", again, err)
			}
		})
	}
}
