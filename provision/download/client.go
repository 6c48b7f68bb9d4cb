package download

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Client returns the HTTP client for fetching releases: TLS 1.2 or later,
// verified against roots (nil: the system's), through the proxy that the
// environment names.
func Client(limits Limits, roots *x509.CertPool) *http.Client {
	limits = limits.withDefaults()
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: limits.Connect}).DialContext,
		TLSHandshakeTimeout:   limits.Connect,
		ResponseHeaderTimeout: limits.Header,
		// A custom TLS configuration turns HTTP/2 off (net/http). A single
		// large file is faster without its flow control.
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ReadBufferSize:  64 << 10,
	}}
}

// guarded returns a copy of client that follows at most most redirects, over
// https only, to base's host or one of hosts.
func guarded(client *http.Client, base *url.URL, hosts []string, most int) *http.Client {
	allowed := []string{canonicalHost(base.Host)}
	for _, host := range hosts {
		allowed = append(allowed, canonicalHost(host))
	}
	c := *client
	c.Jar = nil
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		refuse := func(format string, args ...any) error {
			return &RefusedError{"fetch", WithoutSecrets(via[0].URL), fmt.Errorf(format, args...)}
		}
		switch {
		case next.URL.Scheme != "https":
			return refuse("redirected to %s, which is not https", WithoutSecrets(next.URL))
		case len(via) > most:
			return refuse("more than %d redirects", most)
		case !slices.Contains(allowed, canonicalHost(next.URL.Host)):
			return refuse("redirected to another host, %s", next.URL.Host)
		}
		return nil
	}
	return &c
}

func canonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ":443")
}
