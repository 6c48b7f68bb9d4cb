package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

// noNetwork fails each request.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("asked for %s", r.URL)
	return nil, errors.New("there is no network")
}

// carriedTo is a host without a network, and the bundle of another host.
func carriedTo(t *testing.T, from *fakeHost) (to *fakeHost, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bundle")
	from.want(exitDone, "bundle", "create", path)
	to = freshHost(t, "{}")
	to.http = &http.Client{Transport: noNetwork{t}}
	return to, path
}

func TestBundle_InstallsWithoutANetwork(t *testing.T) {
	t.Parallel()
	from, repo := signedHost(t)
	from.want(exitFailed, "bundle", "create", filepath.Join(t.TempDir(), "nothing"))
	from.want(exitDone, "apply", "--default-runtime")
	to, path := carriedTo(t, from)
	to.trust(repo.Keys.Pinned()...)
	to.want(exitDone, "apply", "--default-runtime", "--bundle="+path)
	if got, want := to.read("usr/local/lib/gvisor/"+newer+"/manifest.json"), `"trust": "signed"`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := to.want(exitDone, "apply"); !strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("got %v, want nothing to do", got)
	}
	from.want(exitFailed, "bundle", "create", path) // it belongs to the user
	from.want(exitUsage, "bundle", "create")

	// It proves as much as a server: not enough for a host with another key, and nothing once it is changed.
	other := freshHost(t, "{}")
	other.http = &http.Client{Transport: noNetwork{t}}
	other.trust("6F1DF85E3A71C24918E727D56FC6D554E32BD943")
	other.want(exitRefusedData, "apply", "--bundle="+path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	third := freshHost(t, "{}")
	third.refuses(exitRefusedData, []string{path}, "apply", "--bundle="+path)
	third.refuses(exitFailed, []string{"/none"}, "apply", "--bundle=/none")
	third.refuses(exitRefusedData, []string{"bundle create"}, "apply", "--bundle="+t.TempDir())
}

func TestBundle_WithAChecksumAlone(t *testing.T) {
	t.Parallel()
	need.Root(t)
	from := freshHost(t, "{}")
	from.want(exitDone, "apply", "--release="+older)
	to, path := carriedTo(t, from)
	to.want(exitDone, "apply", "--default-runtime", "--bundle="+path)
	if got, want := to.read("usr/local/lib/gvisor/"+older+"/manifest.json"), `"trust": "checksum"`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
