package redact

import (
	"slices"
	"strings"
	"testing"
)

func TestFault_X18_WhatDockerdQuotes(t *testing.T) {
	const file = `{
  "labels": ["team=hunter2", "hunter3=x"],
  "log-opts": {"splunk-token": "hunter4", "splunk-url": "https://bob:hunter5@h", "max-size": "10m"},
  "http-headers": {"X": "hunter6"},
  "authorization-plugins": ["hunter7"],
  "proxies": {"http-proxy": "http://bob:hun\"ter8@proxy:3128"},
  "unknown": ["abc", 4711000000004711],
  "log-level": "loud",
  "runtimes": {"runsc": {"path": "/x/runsc", "runtimeArgs": ["--token=hunter9", "-p", "hunter0"]}}
}`
	argv := strings.Fields("dockerd --label a=hunterA --log-opt=gelf-address=udp://u:hunterB@h -D hunterC --registry-mirror https://m/hunterD --http-proxy http://bob:hunterE@p -ahunterF")
	for _, tt := range []struct{ said, want string }{
		{"conflict labels for team=hunter2 and hunter3=x", "conflict labels for … and …"},
		{"label 'hunter2' is odd", "label '…' is odd"},
		{"unknown log opt 'hunter4' for json-file, max-size 10m", "unknown log opt '…' for json-file, max-size 10m"},
		{`parse \"https://bob:hunter5@h\": bad; password hunter5`, `parse \"…\": bad; password …`},
		{"plugin hunter7 not found, hunter6", "plugin … not found, …"},
		{`invalid "http://bob:hun\"ter8@proxy:3128", hun"ter8`, `invalid "…", …`},
		{`"abc" is not abc, 4711000000004711`, `"…" is not abc, …`},
		{"invalid logging level: loud", "invalid logging level: loud"},
		{"runtime runsc at /x/runsc: --token=hunter9 hunter0", "runtime runsc at /x/runsc: … …"},
		{"hunterA, hunterB, hunterC, hunterD, hunterE, hunterF", "…, …, …, hunterD, …, …"},
		{"mirror https://m/hunterD", "mirror …"},
		{"the following directives don't match any configuration option: unknown", "the following directives don't match any configuration option: unknown"},
	} {
		if got := InDaemonJSON([]byte(file), argv).Hide(tt.said); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.said, got, tt.want)
		}
	}
	broken := []byte(`{"labels": ["a=hunter2", "x\q"], "log-level": 'hunter3',`)
	if got := InDaemonJSON(broken, nil).Hide("labels a=hunter2, hunter2"); got != "labels …, …" {
		t.Errorf("of a text that does not parse: got %q", got)
	}
}

func TestFault_X18_ArgumentsOfARuntimeShown(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"--platform=systrap --ignore-cgroups --overlay2=none --debug-log=/var/log/runsc/", "--platform=systrap --ignore-cgroups --overlay2=none --debug-log=/var/log/runsc/"},
		{"-platform kvm -overlay2=none --root /run/runsc", "-platform kvm -overlay2=none --root /run/runsc"},
		{"--token=hunter2 --token hunter2 -password hunter2 --debug", "--token=… --token … -password … --debug"},
		{"--log=http://bob:hunter2@h", "--log=…"},
		{"--debug=hunter2 --nosuch=hunter2 --nosuch hunter2 --nosuch=7 --dcache 0 --debug=true", "--debug=… --nosuch=… --nosuch … --nosuch=7 --dcache 0 --debug=true"},
		{"-p hunter2 -phunter2 -p=hunter2", "-p … … -p=…"},
		{"hunter2 --debug=true hunter2", "… --debug=true …"},
		{"", ""},
	} {
		args := strings.Fields(tt.line)
		if got := strings.Join(RuntimeArguments(args), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
		if slices.Contains(args, hidden) {
			t.Errorf("%q: its argument was changed", tt.line)
		}
	}
	said := `invalid value "hunter2" for flag -p: parse error; args [--token=hunter4 --debug]`
	if got := InArguments([]string{"-p", "hunter2", "--token=hunter4", "--debug"}).Hide(said); got != `invalid value "…" for flag -p: parse error; args [… --debug]` {
		t.Errorf("got %q", got)
	}
	if got := Rejected([]string{"--token hunter2", "--debug"}); strings.Join(got, ", ") != "--token …, --debug" {
		t.Errorf("got %q", got)
	}
}
