package release

import (
	"errors"
	"strings"
	"testing"

	"runsc-provisioner/provision/download"
)

func good() Spec {
	return Spec{URL: "https://storage.googleapis.com/gvisor/releases", Channel: ChannelRelease, Version: "latest", Arch: "x86_64", Trust: TrustChecksum}
}

func TestSpecValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*Spec)
		field  string // "": accepted
		says   string
	}{
		"latest":                        {func(*Spec) {}, "", ""},
		"date":                          {func(s *Spec) { s.Version = "20260914" }, "", ""},
		"point":                         {func(s *Spec) { s.Version = "20260914.0" }, "", ""},
		"tag":                           {func(s *Spec) { s.Version = "release-20260914.0" }, "version", "leave out release-"},
		"path":                          {func(s *Spec) { s.Version = "../latest" }, "version", "is not one of"},
		"nightly":                       {func(s *Spec) { s.Channel, s.Version = "nightly", "2026-09-14" }, "", ""},
		"nightly by date":               {func(s *Spec) { s.Channel, s.Version = "nightly", "20260914" }, "version", "YYYY-MM-DD"},
		"master":                        {func(s *Spec) { s.Channel = "master" }, "", ""},
		"master by date":                {func(s *Spec) { s.Channel, s.Version = "master", "2026-09-14" }, "version", "latest"},
		"channel":                       {func(s *Spec) { s.Channel = "beta" }, "channel", "nightly"},
		"go's arch":                     {func(s *Spec) { s.Arch = "amd64" }, "arch", "x86_64"},
		"http":                          {func(s *Spec) { s.URL = "http://example.com" }, "url", "not https"},
		"a file":                        {func(s *Spec) { s.URL = "file:///srv/mirror" }, "", ""},
		"a file of a host":              {func(s *Spec) { s.URL = "file://srv/mirror" }, "url", "not https"},
		"a relative file":               {func(s *Spec) { s.URL = "file:mirror" }, "url", "not https"},
		"no host":                       {func(s *Spec) { s.URL = "https:///x" }, "url", "no host"},
		"query":                         {func(s *Spec) { s.URL = "https://example.com/?a=b" }, "url", "query"},
		"no URL":                        {func(s *Spec) { s.URL = "https://user:secret@[::1" }, "url", "not a URL"},
		"redirect":                      {func(s *Spec) { s.RedirectHosts = []string{"a.example", "b.example:8443", "[::1]:443"} }, "", ""},
		"redirect URL":                  {func(s *Spec) { s.RedirectHosts = []string{"https://a.example"} }, "redirect_hosts", "host:port"},
		"pin":                           {func(s *Spec) { s.SHA512 = map[string]string{"runsc": strings.Repeat("aB", 64)} }, "", ""},
		"short pin":                     {func(s *Spec) { s.SHA512 = map[string]string{"runsc": "ab"} }, "sha512", "2 characters"},
		"pin of a path":                 {func(s *Spec) { s.SHA512 = map[string]string{"a/b": strings.Repeat("ab", 64)} }, "sha512", "file name"},
		"no trust":                      {func(s *Spec) { s.Trust = "" }, "trust", "signed, two-sources, checksum"},
		"signed":                        {func(s *Spec) { s.Trust = TrustSigned }, "", ""},
		"signed, a point":               {func(s *Spec) { s.Trust, s.Version = TrustSigned, "20260914.0" }, "", ""},
		"signed nightly of a date":      {func(s *Spec) { s.Trust, s.Channel, s.Version = TrustSigned, "nightly", "2026-09-14" }, "version", "no suite"},
		"signed, no fingerprint":        {func(s *Spec) { s.Trust, s.Signing.Fingerprints = TrustSigned, nil }, "key_fingerprints", "empty"},
		"signed, a short fingerprint":   {func(s *Spec) { s.Trust, s.Signing.Fingerprints = TrustSigned, []string{"6FC6D554E32BD943"} }, "key_fingerprints", "40"},
		"signed, a key over http":       {func(s *Spec) { s.Trust, s.Signing.KeyURL = TrustSigned, "http://gvisor.dev/archive.key" }, "key_url", "https"},
		"signed, a keyring alone":       {func(s *Spec) { s.Trust, s.Signing.KeyURL, s.Signing.Keyring = TrustSigned, "", "/etc/x.gpg" }, "", ""},
		"signed, a relative keyring":    {func(s *Spec) { s.Trust, s.Signing.Keyring = TrustSigned, "x.gpg" }, "keyring", "absolute"},
		"signed, a negative age":        {func(s *Spec) { s.Trust, s.Signing.MaxAge = TrustSigned, -1 }, "max_index_age", "negative"},
		"a package":                     {func(s *Spec) { s.Source, s.URL, s.Channel = SourceSystem, "", "" }, "", ""},
		"a package of a date":           {func(s *Spec) { s.Source, s.Version = SourceSystem, "20260914" }, "", ""},
		"a package, a tag":              {func(s *Spec) { s.Source, s.Version = SourceSystem, "release-20260914.0" }, "version", "leave out release-"},
		"a package, a pin":              {func(s *Spec) { s.Source, s.SHA512 = SourceSystem, map[string]string{"runsc": strings.Repeat("aB", 64)} }, "sha512", "package manager"},
		"another source":                {func(s *Spec) { s.Source = "snap" }, "source", "gvisor, system"},
		"two sources":                   {func(s *Spec) { s.Trust, s.Mirror = TrustTwoSources, GVisorMirror }, "", ""},
		"two sources, nightly":          {func(s *Spec) { s.Trust, s.Mirror, s.Channel = TrustTwoSources, GVisorMirror, "nightly" }, "channel", "mirror"},
		"two sources, one of them http": {func(s *Spec) { s.Trust, s.Mirror = TrustTwoSources, "http://github.com" }, "mirror_url", "https"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := good()
			s.Signing = Signing{Fingerprints: []string{GVisorKey}, KeyURL: GVisorKeyURL}
			test.change(&s)
			err := s.Validate()
			if test.field == "" {
				if err != nil {
					t.Errorf("got %v, want it accepted", err)
				}
				return
			}
			var spec *SpecError
			if !errors.As(err, &spec) || spec.Field != test.field || !strings.Contains(spec.Reason, test.says) {
				t.Errorf("got %v, want a SpecError of %s that says %q", err, test.field, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("got %q, want no credentials in it", err)
			}
		})
	}
}

func TestSpecDirectory(t *testing.T) {
	s := good()
	s.URL = "https://user:secret@mirror.example/gvisor/releases/"
	s.Version = "20260914.0"
	u, err := s.directory()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := download.WithoutSecrets(u), "https://mirror.example/gvisor/releases/release/20260914.0/x86_64"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if u.User == nil {
		t.Error("got no credentials, want those of the URL to be used")
	}
}

func TestSpecExact(t *testing.T) {
	for version, want := range map[string]bool{"20260914.0": true, "20260914": false, "latest": false, "2026-09-14": false, "release-20260914.0": false, "20260907.0-13-gabc": true} {
		if got := (Spec{Version: version}).Exact(); got != want {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
}
