package config

import (
	"slices"
	"testing"
)

// A runtime that is gone is lost, also where another one's name begins with its
// name.
func TestLost_ARuntimeIsNotFoundInALongerName(t *testing.T) {
	before := Layered{Sources: map[string]string{"docker.runtimes.gv": "config.toml"}}
	after := Layered{Sources: map[string]string{"docker.runtimes.gvisor.args": "config.toml"}}
	if lost := after.Lost(before); !slices.Equal(lost, []string{"docker.runtimes.gv"}) {
		t.Errorf("got %q lost, want docker.runtimes.gv", lost)
	}
}
