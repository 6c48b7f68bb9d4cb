package commandline

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	tests := []struct {
		situation string
		line      string // split at blanks
		want      Flags
		wantErr   string
	}{
		{situation: "none", line: "/usr/sbin/dockerd", want: Flags{}},
		{situation: "Debian's", line: "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock",
			want: Flags{Hosts: []string{"fd://"}, Set: map[string]string{"host": "fd://", "containerd": "/run/containerd/containerd.sock"}}},
		{situation: "all of ours with =", line: "dockerd --config-file=/a.json --default-runtime=runc --userns-remap=default --data-root=/d --host=fd:// --add-runtime=r=/r",
			want: Flags{ConfigFile: "/a.json", DefaultRuntime: "runc", UsernsRemap: "default", DataRoot: "/d", Hosts: []string{"fd://"}, AddRuntimes: map[string]string{"r": "/r"},
				Set: map[string]string{"config-file": "/a.json", "default-runtime": "runc", "userns-remap": "default", "data-root": "/d", "host": "fd://", "add-runtime": "r=/r"}}},
		{situation: "all of ours as two words", line: "dockerd --config-file /a.json --default-runtime runc --userns-remap default --data-root /d --host fd:// --add-runtime r=/r",
			want: Flags{ConfigFile: "/a.json", DefaultRuntime: "runc", UsernsRemap: "default", DataRoot: "/d", Hosts: []string{"fd://"}, AddRuntimes: map[string]string{"r": "/r"},
				Set: map[string]string{"config-file": "/a.json", "default-runtime": "runc", "userns-remap": "default", "data-root": "/d", "host": "fd://", "add-runtime": "r=/r"}}},
		{situation: "the last one wins, lists grow", line: "dockerd --default-runtime=a --default-runtime=b -H a -H=b -Hc --add-runtime x=1 --add-runtime y=2=3",
			want: Flags{DefaultRuntime: "b", Hosts: []string{"a", "b", "c"}, AddRuntimes: map[string]string{"x": "1", "y": "2=3"},
				Set: map[string]string{"default-runtime": "b", "host": "c", "add-runtime": "y=2=3"}}},
		{situation: "empty value", line: "dockerd --default-runtime= -D",
			want: Flags{Set: map[string]string{"default-runtime": "", "debug": "true"}}},
		{situation: "booleans", line: "dockerd --debug --iptables=false --live-restore --default-runtime x",
			want: Flags{DefaultRuntime: "x", Set: map[string]string{"debug": "true", "iptables": "false", "live-restore": "true", "default-runtime": "x"}}},
		{situation: "letters together", line: "dockerd -DH fd:// -D=false -lwarn -g /d",
			want: Flags{Hosts: []string{"fd://"}, DataRoot: "/d", Set: map[string]string{"debug": "false", "host": "fd://", "log-level": "warn", "data-root": "/d"}}},
		{situation: "old name of data-root", line: "dockerd --graph /d",
			want: Flags{DataRoot: "/d", Set: map[string]string{"data-root": "/d"}}},
		{situation: "unknown flags", line: "dockerd --new-thing v --newer --newest=1 -Z --oom-score-adjust -500",
			want: Flags{Set: map[string]string{"new-thing": "v", "newer": "true", "newest": "1", "Z": "true", "oom-score-adjust": "-500"}}},
		{situation: "value that looks like a flag", line: "dockerd --default-runtime --debug",
			want: Flags{DefaultRuntime: "--debug", Set: map[string]string{"default-runtime": "--debug"}}},
		{situation: "end of flags", line: "dockerd -D --", want: Flags{Set: map[string]string{"debug": "true"}}},

		{situation: "a feature that is on, in a word of its own", line: "dockerd --feature containerd-snapshotter",
			want: Flags{Features: map[string]bool{"containerd-snapshotter": true}, Set: map[string]string{"feature": "containerd-snapshotter"}}},
		{situation: "features in every spelling", line: "dockerd --feature=a --feature=b=1 --feature c=T --feature d=true --feature e=0 --feature=f=False",
			want: Flags{Features: map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": false, "f": false}, Set: map[string]string{"feature": "f=False"}}},
		{situation: "a feature twice", line: "dockerd --feature=a --feature=a=f -D",
			want: Flags{Features: map[string]bool{"a": false}, Set: map[string]string{"feature": "a=f", "debug": "true"}}},
		{situation: "a feature that is no boolean", line: "dockerd --feature=a=yes", wantErr: "not a boolean"},
		{situation: "no value", line: "dockerd --default-runtime", wantErr: "--default-runtime has no value"},
		{situation: "letter without value", line: "dockerd -DH", wantErr: "--host has no value"},
		{situation: "a word", line: "dockerd --debug=true daemon", wantErr: `"daemon" is neither`},
		{situation: "a word after the end of flags", line: "dockerd -- x", wantErr: `"x" is neither`},
		{situation: "runtime without path", line: "dockerd --add-runtime r", wantErr: "not name=path"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			got, err := ParseFlags(strings.Fields(tt.line))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("got error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if tt.want.ConfigFile == "" {
				tt.want.ConfigFile = "/etc/docker/daemon.json"
			}
			if tt.want.AddRuntimes == nil {
				tt.want.AddRuntimes = map[string]string{}
			}
			if tt.want.Features == nil {
				tt.want.Features = map[string]bool{}
			}
			if tt.want.Set == nil {
				tt.want.Set = map[string]string{}
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestFault_E01_CommandLinesThatAreNotDockerd(t *testing.T) {
	for _, argv := range [][]string{nil, {""}, {"rootlesskit", "dockerd"}, {"/snap/docker/1/bin/dockerd-with-logging"}, {"/bin/sh", "-c", "exec dockerd"}} {
		if _, err := ParseFlags(argv); !errors.Is(err, ErrNotDockerd) {
			t.Errorf("%q: got %v, want %v", argv, err, ErrNotDockerd)
		}
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add("-H fd:// --default-runtime=runc -DH x -- y")
	f.Add("--add-runtime r=/r --oom-score-adjust -500")
	f.Fuzz(func(t *testing.T, line string) {
		argv := append([]string{"dockerd"}, strings.Split(line, " ")...)
		flags, err := ParseFlags(argv)
		if err != nil {
			return
		}
		for name, value := range flags.Set {
			// One flag at a time, as --name=value, says the same.
			if name == "" || strings.Contains(name, "=") {
				continue
			}
			again, err := ParseFlags([]string{"dockerd", "--" + name + "=" + value})
			if err != nil || again.Set[name] != value {
				t.Errorf("%q: --%s: got %q, %v, want %q", argv, name, again.Set[name], err, value)
			}
		}
	})
}
