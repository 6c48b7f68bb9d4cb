package config

import (
	"runsc-provisioner/provision/apt"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

// CheckKeyring returns an *Error if releases are checked with release.keyring, and it cannot be read or has no key that
// is pinned.
func (l Layered) CheckKeyring() error {
	signing := l.Config.Spec().Signing
	if l.Config.Release.Source == release.SourceSystem || l.Config.Release.Trust != release.TrustSigned || signing.Keyring == "" {
		return nil
	}
	pinned, err := signing.Pinned()
	if err != nil {
		return err
	}
	text, err := durable.ReadLimited(signing.Keyring, release.MaxKeyFile)
	if err == nil {
		_, err = apt.ReadKeys(text, pinned)
	}
	if err != nil {
		return &Error{Source: l.Sources["release.keyring"], Key: "release.keyring", Reason: err.Error(), Err: err}
	}
	return nil
}
