package config

import (
	"github.com/pelletier/go-toml/v2"

	"runsc-provisioner/provision/release"
)

// Pin is a configuration file that pins the release of a manifest.
func Pin(m release.Manifest) (string, error) {
	type pinned struct {
		Version string            `toml:"version"`
		Channel string            `toml:"channel"`
		Trust   string            `toml:"trust"`
		SHA512  map[string]string `toml:"sha512"`
	}
	pin := pinned{Version: m.Release, Channel: m.Channel, Trust: m.Trust, SHA512: map[string]string{}}
	if m.Channel != release.ChannelRelease {
		pin.Version = m.Version // no other name leads to a build of a channel; the digests pin it
	}
	for _, a := range m.Archives {
		pin.SHA512[a.Name] = a.SHA512
	}
	about := "# gVisor " + m.Release + ", " + m.Arch
	if m.Origin != nil {
		about += ", signed by " + m.Origin.Signer
	}
	body, err := toml.Marshal(map[string]pinned{"release": pin})
	return about + "\n" + string(body), err
}
