package config

import (
	"strings"
)

// Remap is whether dockerd runs with userns-remap, or is to.
type Remap string

// RemapAny is either: userns-remap is not managed.
const (
	RemapAny Remap = ""
	RemapOn  Remap = "on"
	RemapOff Remap = "off"
)

// RemapOf is what a dockerd with userns-remap on or off has.
func RemapOf(on bool) Remap {
	if on {
		return RemapOn
	}
	return RemapOff
}

// RemapDefault is the value of userns-remap that means remapAccount.
const RemapDefault = "default"

// RemapAccount is the user that dockerd creates for remapDefault, and whose ids
// containers then get (moby daemon/daemon_unix.go).
const RemapAccount = "dockremap"

// RemapDisabled, as the configured userns_remap, switches it off.
const RemapDisabled = "off"

// Remap is the userns-remap that d wants.
func (d Docker) Remap() Remap {
	switch d.UsernsRemap {
	case "":
		return RemapAny
	case RemapDisabled:
		return RemapOff
	default:
		return RemapOn
	}
}

// RemapValue is the value that daemon.json gets for it; "" removes the key.
func (d Docker) RemapValue() string {
	if d.UsernsRemap == RemapDisabled {
		return ""
	}
	return d.UsernsRemap
}

// RemapNames are the user and the group that a value of userns-remap names; group
// is "" where it names none.
func RemapNames(value string) (user, group string) {
	if value == RemapDefault {
		return RemapAccount, RemapAccount
	}
	user, group, _ = strings.Cut(value, ":")
	return user, group
}
