package config

import "fmt"

// Disruption is what a change does to running containers.
type Disruption int

// The kinds of disruption, in rising order. A reload stops no container. A restart stops
// all of them, unless live-restore is on.
const (
	DisruptionNone Disruption = iota
	DisruptionReload
	DisruptionRestart
)

func (d Disruption) String() string {
	return [...]string{"none", "reload", "restart"}[d]
}

// MarshalText returns the name of d.
func (d Disruption) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText parses the text of MarshalText.
func (d *Disruption) UnmarshalText(text []byte) error {
	for _, one := range []Disruption{DisruptionNone, DisruptionReload, DisruptionRestart} {
		if one.String() == string(text) {
			*d = one
			return nil
		}
	}
	return fmt.Errorf("%q is not one of: none, reload, restart", text)
}
