package config

import (
	"github.com/pelletier/go-toml/v2"

	"runsc-provisioner/provision/release"
)

// Pin is a configuration file that pins the release of a manifest.
func Pin(m release.Manifest) (string, error) {
	type pinned struct {
		Source  string            `toml:"source,omitempty"`
		Version string            `toml:"version"`
		Channel string            `toml:"channel"`
		Trust   string            `toml:"trust,omitempty"`
		SHA512  map[string]string `toml:"sha512,omitempty"`
	}
	pin := pinned{Version: m.Release, Channel: m.Channel, Trust: m.Trust, SHA512: map[string]string{}}
	if m.Channel != release.ChannelRelease {
		pin.Version = m.Version // no other name leads to a build of a channel; the digests pin it
	}
	for _, a := range m.Archives {
		pin.SHA512[a.Name] = a.SHA512
	}
	about := "# gVisor " + m.Release + ", " + m.Arch
	if m.Package != nil {
		pin.Source, pin.Trust = release.SourceSystem, ""
		about += ", of " + m.Package.Manager + "'s package " + m.Package.Name + " " + m.Package.Version
	}
	if m.Origin != nil {
		about += ", signed by " + m.Origin.Signer
	}
	body, err := toml.Marshal(map[string]pinned{"release": pin})
	return about + "\n" + string(body), err
}
