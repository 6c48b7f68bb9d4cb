package release

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"runsc-provisioner/provision/apt"
	"runsc-provisioner/provision/download"
)

// GVisorKey is the fingerprint of gVisor's archive key, as its installation guide and others publish it
// (https://gvisor.dev/docs/user_guide/install/).
const GVisorKey = "6F1DF85E3A71C24918E727D56FC6D554E32BD943"

// GVisorKeyURL is where gVisor publishes its archive key.
const GVisorKeyURL = "https://gvisor.dev/archive.key"

// Keys say who may sign releases, and where the public keys are.
type Keys struct {
	Pinned []apt.Fingerprint
	// File has public keys, if it is not nil. Then no other is asked for.
	File []byte
	// Kept is a file that was fetched from URL earlier, or nil. It is fetched again if it does not do.
	Kept []byte
	URL  string // https
}

// MaxKeyFile limits a file with keys in bytes.
const MaxKeyFile = apt.MaxKeys

// verify returns the text of the index that a pinned key has signed.
func (f *signedFetch) verify(ctx context.Context) ([]byte, error) {
	if f.Keys.File != nil {
		return f.verifyWith(f.Keys.File)
	}
	var keptErr error
	if f.Keys.Kept != nil {
		signed, err := f.verifyWith(f.Keys.Kept)
		if err == nil {
			return signed, nil
		}
		keptErr = err
	}
	// The key that was kept may have expired since, or been replaced.
	fetched, err := f.fetchKey(ctx)
	if err != nil && keptErr != nil {
		return nil, fmt.Errorf("%w (the key was not fetched again: %w)", keptErr, err)
	}
	if err != nil {
		return nil, err
	}
	return f.verifyWith(fetched)
}

func (f *signedFetch) verifyWith(key []byte) ([]byte, error) {
	ring, err := apt.ReadKeys(key, f.Keys.Pinned)
	if err != nil {
		return nil, newRefused("check", f.keySource(), err)
	}
	signed, signer, err := ring.Verify(f.inRelease, f.now)
	if err != nil {
		return nil, newRefused("check", download.WithoutSecrets(f.indexURL()), err)
	}
	f.key, f.signer = key, signer
	return signed, nil
}

func (f *signedFetch) keySource() string {
	if f.Keys.File != nil {
		return "the keyring of release.keyring"
	}
	return "the key from " + f.Keys.URL
}

// fetchKey fetches the file with the public key.
func (f *signedFetch) fetchKey(ctx context.Context) ([]byte, error) {
	at, err := url.Parse(f.Keys.URL)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return nil, &SpecError{"key_url", "", "is not an https URL"}
	}
	d, end := f.quiet().downloader(at, f.spec)
	defer end()
	var text download.Buffer
	_, err = d.Fetch(ctx, at, MaxKeyFile, &text)
	var refused *RefusedError
	if err = refusedIfAbsent(err, at, "there is no key"); errors.As(err, &refused) {
		return nil, fmt.Errorf("archive key: %w", err)
	}
	return text.Bytes(), err
}
