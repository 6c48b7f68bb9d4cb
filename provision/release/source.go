package release

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"runsc-provisioner/provision/download"
)

// Download is how a Source downloads.
type Download struct {
	HTTP     *http.Client   // nil: download.Client, with the system's roots
	Limits   Limits         //
	Progress func(Progress) // nil: quiet
	// Have lists releases that need not be fetched again: if an intact one was
	// made from artifacts with the same digests, Fetch returns a *PresentError.
	Have []Installed
	// Consider is asked about a release before its programs are fetched, unless it is in Have. Fetch returns its
	// error; nil accepts all.
	Consider func(Offer) error
}

// Offer is what is known of a release before its programs are fetched.
type Offer struct {
	Release string    // its name; "" if the source does not say
	SHA512  string    // of the first file to fetch
	Date    time.Time // since when it has been out at the latest, by its source; zero if the source does not say
}

// consider asks about the release with these artifacts.
func (c *Download) consider(o Offer, artifacts ...artifact) error {
	if c.Consider == nil {
		return nil
	}
	o.SHA512 = artifacts[0].sum.String()
	return c.Consider(o)
}

// quiet is c without progress, for files that are no part of a release.
func (c *Download) quiet() *Download {
	quiet := *c
	quiet.Progress = nil
	return &quiet
}

// downloader fetches the files of one release.
type downloader struct {
	*download.Downloader
	limits   Limits // all set
	progress func(Progress)
}

// downloader is for files below base. The caller must call end.
func (c *Download) downloader(base *url.URL, spec Spec) (d *downloader, end func()) {
	d = &downloader{limits: c.Limits.withDefaults(), progress: c.Progress}
	d.Downloader, end = download.New(c.HTTP, base, spec.RedirectHosts, d.limits.Download, c.Progress)
	return d, end
}

// present finds the release in Have that was unpacked from exactly these
// artifacts, and trusted as much. It ignores a release that spec does not ask for: Fetch
// fetches it again, and it is then refused for its wrong name.
func (c *Download) present(artifacts []artifact, spec Spec, trust string) (name string, found bool) {
	same := func(kept Archive, a artifact) bool { return kept.Name == a.name && kept.SHA512 == a.sum.String() }
	for _, r := range c.Have {
		if r.State.Intact() && r.Manifest.Trust == trust && r.Satisfies(spec) && slices.EqualFunc(r.Manifest.Archives, artifacts, same) {
			return r.Name, true
		}
	}
	return "", false
}
