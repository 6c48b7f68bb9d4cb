package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/pattern"
)

// Enforce says how the daemon keeps the host as configured.
type Enforce struct {
	MaxDisruption   Disruption `toml:"max_disruption" json:"max_disruption"`     // none, reload, restart
	Interval        Duration   `toml:"interval" json:"interval"`                 // between two full checks
	ContestedAfter  int        `toml:"contested_after" json:"contested_after"`   // how often another program may revert the same item
	ContestedWindow Duration   `toml:"contested_window" json:"contested_window"` // the time in which reverts count
	Unsandboxed     string     `toml:"unsandboxed" json:"unsandboxed"`           // report, stop
	AllowImages     []string   `toml:"allow_images" json:"allow_images"`         // digests of images that may run outside a sandbox
}

// Metrics says where the daemon's metrics go.
type Metrics struct {
	Textfile string `toml:"textfile" json:"textfile,omitempty"` // node_exporter's textfile directory; "" writes no file
	Listen   string `toml:"listen" json:"listen,omitempty"`     // a loopback address with a port; "" does not listen
}

// What the daemon does about a container that starts outside a sandbox although a sandbox
// is the default.
const (
	UnsandboxedReport = "report"
	UnsandboxedStop   = "stop"
)

func defaultEnforce() Enforce {
	return Enforce{
		MaxDisruption:   DisruptionReload,
		Interval:        Duration(10 * time.Minute),
		ContestedAfter:  5,
		ContestedWindow: Duration(10 * time.Minute),
		Unsandboxed:     UnsandboxedReport,
	}
}

// Duration is a time.Duration that reads and writes "90s", "10m", "1h30m".
type Duration time.Duration

// UnmarshalText parses text with time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 90s, 10m or 1h30m", text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText omits the zero parts that time.Duration writes: 10m, not 10m0s.
func (d Duration) MarshalText() ([]byte, error) {
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return []byte(text), nil
}

// imageDigest matches the digest of an image.
var imageDigest = pattern.Lazy(`^sha256:[0-9a-f]{64}$`)

func (e Enforce) validate() error {
	const (
		shortest = Duration(time.Second)
		longest  = Duration(24 * time.Hour)
		most     = 1_000_000
	)
	refused := func(key, format string, args ...any) error {
		return &Error{Key: "enforce." + key, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case e.Interval < shortest || e.Interval > longest:
		return refused("interval", "%s is not between 1s and 24h", time.Duration(e.Interval))
	case e.ContestedWindow < shortest || e.ContestedWindow > longest:
		return refused("contested_window", "%s is not between 1s and 24h", time.Duration(e.ContestedWindow))
	case e.ContestedAfter < 1 || e.ContestedAfter > most:
		return refused("contested_after", "%d is not between 1 and %d", e.ContestedAfter, most)
	case e.Unsandboxed != UnsandboxedReport && e.Unsandboxed != UnsandboxedStop:
		return refused("unsandboxed", "%q is not one of: report, stop", e.Unsandboxed)
	}
	for i, digest := range e.AllowImages {
		if !imageDigest().MatchString(digest) {
			return refused(fmt.Sprintf("allow_images[%d]", i), "%q is not sha256: and 64 hexadecimal digits; a name or tag can be given to any image", digest)
		}
	}
	return nil
}

func (m Metrics) validate() error {
	if m.Textfile != "" && !filepath.IsAbs(m.Textfile) {
		return &Error{Key: "metrics.textfile", Reason: fmt.Sprintf("%q is not the absolute path of a directory", m.Textfile)}
	}
	if m.Listen == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(m.Listen)
	if err != nil {
		return &Error{Key: "metrics.listen", Reason: fmt.Sprintf("%q is not an address and a port, as in 127.0.0.1:9617", m.Listen)}
	}
	if !at.Addr().IsLoopback() || at.Port() == 0 {
		return &Error{Key: "metrics.listen", Reason: fmt.Sprintf("%q is not a loopback address: the metrics tell what runs on this host, so put an exporter or a proxy with a password in front", m.Listen)}
	}
	return nil
}
