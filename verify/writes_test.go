package verify

import "testing"

func TestWritesOf(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want Writes
	}{
		{"gVisor's own default", nil, WritesLost},
		{"no overlay", []string{"--overlay2=none"}, WritesKept},
		{"one dash", []string{"-overlay2=none"}, WritesKept},
		{"value in the next word", []string{"--overlay2", "none", "--debug"}, WritesKept},
		{"last value counts", []string{"--overlay2=none", "--overlay2=root:memory"}, WritesLost},
		{"everything in memory", []string{"--overlay2=all:memory"}, WritesLost},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := WritesOf(row.args); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
