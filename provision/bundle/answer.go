package bundle

import (
	"io"
	"net/http"
	"path"
	"strings"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
)

// keyName is the name of the member with the public key.
const keyName = "archive.key"

// Client returns an HTTP client that asks the bundle alone: it makes no connection. keyURL is where the configuration has
// the public key.
func (b *Bundle) Client(keyURL string) *http.Client {
	return &http.Client{Transport: answers{b, keyURL}}
}

// answers are those of the server that the release came from.
type answers struct {
	bundle *Bundle
	keyURL string
}

// RoundTrip answers with the member that has the name of the file that is asked for. What else the URL says does not
// matter: the index in the bundle says which suite it is, and leads by digests to the rest.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	name := path.Base(r.URL.Path)
	if r.URL.String() == a.keyURL {
		name = keyName
	}
	if text, is := a.bundle.digestFile(name); is {
		return download.Answer(r, http.StatusOK, int64(len(text)), io.NopCloser(strings.NewReader(text))), nil
	}
	m, has := a.bundle.members[name]
	if !has || name == aboutName {
		return download.Nothing(r, "it is not in the bundle"), nil
	}
	return download.Answer(r, http.StatusOK, m.size, io.NopCloser(a.bundle.open(m))), nil
}

// digestFile is the text of NAME.sha512 for an archive.
func (b *Bundle) digestFile(name string) (text string, is bool) {
	archive, isDigest := strings.CutSuffix(name, ".sha512")
	for _, a := range b.About.Archives {
		if isDigest && a.Name == archive && b.About.Trust != release.TrustSigned {
			return a.SHA512 + "  " + a.Name + "\n", true
		}
	}
	return "", false
}
