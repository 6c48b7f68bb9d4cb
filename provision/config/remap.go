package config

import (
	"strings"
)

// Remap says whether dockerd runs, or should run, with userns-remap.
type Remap string

const (
	// RemapAny means that userns-remap is not managed.
	RemapAny Remap = ""
	RemapOn  Remap = "on"
	RemapOff Remap = "off"
)

// RemapOf returns RemapOn or RemapOff.
func RemapOf(on bool) Remap {
	if on {
		return RemapOn
	}
	return RemapOff
}

// RemapDefault is the value of userns-remap that means RemapAccount.
const RemapDefault = "default"

// RemapAccount is the user that dockerd creates for RemapDefault. Containers
// get its subordinate ids (moby daemon/daemon_unix.go).
const RemapAccount = "dockremap"

// RemapDisabled is the configured userns_remap that switches userns-remap off.
const RemapDisabled = "off"

// Remap returns the configured userns-remap.
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

// RemapValue returns the value for daemon.json; "" removes the key.
func (d Docker) RemapValue() string {
	if d.UsernsRemap == RemapDisabled {
		return ""
	}
	return d.UsernsRemap
}

// RemapNames returns the user and the group in a value of userns-remap; group is "" if the
// value has none.
func RemapNames(value string) (user, group string) {
	if value == RemapDefault {
		return RemapAccount, RemapAccount
	}
	user, group, _ = strings.Cut(value, ":")
	return user, group
}

// RemapWord returns the value of userns-remap that a word for on or off stands for. Such a word
// is not taken for the name of a user.
func RemapWord(word string) (value string, ok bool) {
	switch strings.ToLower(word) {
	case "on", "yes", "true", "enable", "enabled":
		return RemapDefault, true
	case RemapDisabled, "no", "false", "none", "disable", "disabled":
		return RemapDisabled, true
	}
	return "", false
}
