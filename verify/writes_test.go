package verify

import (
	"slices"
	"testing"
)

func TestWritesOf(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want Writes
	}{
		{"gVisor's default", nil, WritesLost},
		{"no overlay", []string{"--overlay2=none"}, WritesKept},
		{"one dash", []string{"-overlay2=none"}, WritesKept},
		{"value in the next word", []string{"--overlay2", "none", "--debug"}, WritesKept},
		{"last value counts", []string{"--overlay2=none", "--overlay2=root:memory"}, WritesLost},
		{"the older flag, which overlay2 does not switch off", []string{"--overlay", "--overlay2=none"}, WritesLost},
		{"the older flag, switched off", []string{"--overlay=false", "--overlay2=none"}, WritesKept},
		{"everything in memory", []string{"--overlay2=all:memory"}, WritesLost},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := WritesOf(row.args); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// These are the releases in which gVisor's source changed.
func TestWritesUnder(t *testing.T) {
	for _, row := range []struct {
		release   string
		args      []string
		knowsFlag bool
		want      Writes
	}{
		{"20221128.0", nil, false, WritesKept},
		{"20221128.0", []string{"--overlay"}, false, WritesLost},
		{"20221205.0", nil, true, WritesKept},
		{"20221219.0", nil, true, WritesKept}, // Debian 12's
		{"20230306.0", []string{"--overlay2=root:self"}, true, WritesLost},
		{"20230313.0", nil, true, WritesLost},
		{"20240729.0", nil, true, WritesLost}, // Debian 13's
		{"20260914.0", nil, true, WritesLost},
		{"20260914.0", []string{"--overlay2=none"}, true, WritesKept},
		{"20221128.0-13-gabcdef0", nil, false, WritesKept},
		{"{2022-11-01}", nil, false, WritesKept},
		{"{latest}", nil, true, WritesLost},
	} {
		if got := WritesUnder(row.release, row.args); got != row.want {
			t.Errorf("%s %q: got writes %s, want %s", row.release, row.args, got, row.want)
		}
		if got := knowsOverlay(row.release); got != row.knowsFlag {
			t.Errorf("%s: got the flag known %v, want %v", row.release, got, row.knowsFlag)
		}
	}
}

func TestKeep(t *testing.T) {
	for _, row := range []struct {
		name    string
		release string
		args    []string
		want    Writes
		result  []string
	}{
		{"added", "20260914.0", []string{"--debug"}, WritesKept, []string{"--debug", "--overlay2=none", "--dcache=0"}},
		{"added to nothing", "20260914.0", nil, WritesKept, []string{"--overlay2=none", "--dcache=0"}},
		{"overlay already off", "20260914.0", []string{"-overlay2=none", "--debug"}, WritesKept, []string{"-overlay2=none", "--debug", "--dcache=0"}},
		{"already there", "20260914.0", []string{"--overlay2=none", "--dcache=0"}, WritesKept, []string{"--overlay2=none", "--dcache=0"}},
		{"the last of two already keeps writes", "20260914.0", []string{"--overlay2=root:self", "--overlay2=none"}, WritesKept, []string{"--overlay2=root:self", "--overlay2=none", "--dcache=0"}},
		{"the last of two loses writes", "20260914.0", []string{"--overlay2=none", "--overlay2=root:self"}, WritesKept, []string{"--overlay2=none", "--dcache=0"}},
		{"replaces a value in the next word", "20260914.0", []string{"--platform", "kvm", "-overlay2", "root:self", "--debug"}, WritesKept,
			[]string{"--platform", "kvm", "--debug", "--overlay2=none", "--dcache=0"}},
		{"replaces the older flag", "20260914.0", []string{"--overlay", "--overlay2=none"}, WritesKept, []string{"--overlay2=none", "--dcache=0"}},
		{"a cache that the user set", "20260914.0", []string{"--dcache=-1"}, WritesKept, []string{"--dcache=-1", "--overlay2=none"}},
		{"a cache that the user set, in the next word", "20260914.0", []string{"-dcache", "100", "--overlay2=none"}, WritesKept, []string{"-dcache", "100", "--overlay2=none"}},
		{"for the first release that knows it", "20221205.0", nil, WritesKept, []string{"--overlay2=none", "--dcache=0"}},
		{"not for a release that does not know it", "20221128.0", []string{"--debug"}, WritesKept, []string{"--debug"}},
		{"removed for a release that does not know it", "20221128.0", []string{"--debug", "--overlay2=none", "--dcache=0"}, WritesKept, []string{"--debug"}},
		{"removed", "20260914.0", []string{"--overlay2", "none", "--debug"}, WritesLost, []string{"--debug"}},
		{"both removed", "20260914.0", []string{"--debug", "--overlay2=none", "--dcache=0"}, WritesLost, []string{"--debug"}},
		{"both removed, one added later", "20260914.0", []string{"--overlay2=none", "--debug", "--dcache=0"}, WritesLost, []string{"--debug"}},
		{"removed, but not the user's cache", "20260914.0", []string{"--dcache=0", "--overlay2=none"}, WritesLost, []string{"--dcache=0"}},
		{"removed, but not the user's other cache", "20260914.0", []string{"--overlay2=none", "--dcache=9"}, WritesLost, []string{"--dcache=9"}},
		{"nothing to remove", "20260914.0", []string{"--overlay2=all:memory"}, WritesLost, []string{"--overlay2=all:memory"}},
		{"nothing to remove, and the user's cache stays", "20260914.0", []string{"--overlay2=all:memory", "--dcache=0"}, WritesLost, []string{"--overlay2=all:memory", "--dcache=0"}},
		{"a flag as a value", "20260914.0", []string{"--overlay=0", "--overlay2", "--dcache=0"}, WritesLost, []string{"--overlay=0", "--overlay2", "--dcache=0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Keep(row.release, row.args, row.want)
			if !slices.Equal(got, row.result) {
				t.Errorf("got %q, want %q", got, row.result)
			}
			if again := Keep(row.release, got, row.want); !slices.Equal(again, got) {
				t.Errorf("the second time: got %q, want %q", again, got)
			}
		})
	}
}

func TestOnlyKept(t *testing.T) {
	for _, row := range []struct {
		args []string
		want bool
	}{
		{nil, true},
		{[]string{"--overlay2=none"}, true},
		{[]string{"--overlay2=none", "--dcache=0"}, true},
		{[]string{"--dcache=0", "--overlay2=none"}, true},
		{[]string{"--dcache=0"}, false},
		{[]string{"--overlay2=none", "--dcache=9"}, false},
		{[]string{"--debug", "--overlay2=none", "--dcache=0"}, false},
	} {
		if got := OnlyKept(row.args); got != row.want {
			t.Errorf("%q: got %v, want %v", row.args, got, row.want)
		}
	}
}
