package doctor

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
)

func TestDoctor_ProxyIsParsedLikeNetHTTP(t *testing.T) {
	url := "set it to a URL such as http://proxy.example.com:3128"
	for _, tt := range []struct {
		environment map[string]string
		want        checkup.Item
	}{
		{nil, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "none", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "http://proxy:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "proxy.example.com:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy.example.com:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "10.0.0.1:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://10.0.0.1:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "proxy"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "socks5://proxy:1080"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=socks5://proxy:1080", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "http://tok3n@proxy:3128/hunter2?hunter2"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "bob:hunter2@proxy:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "http://bob:p@ss@proxy:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "HTTPS_PROXY=http://proxy:3128", Remedy: ""}},
		{map[string]string{"HTTPS_PROXY": "http://bob:hun/ter2@proxy:3128"}, checkup.Item{Name: "proxy", Health: checkup.Critical, Seen: "HTTPS_PROXY is not the URL of a proxy", Remedy: url}},
		{map[string]string{"HTTPS_PROXY": "ftp://proxy"}, checkup.Item{Name: "proxy", Health: checkup.Critical, Seen: "HTTPS_PROXY is not the URL of a proxy", Remedy: url}},
		{map[string]string{"https_proxy": "http://"}, checkup.Item{Name: "proxy", Health: checkup.Critical, Seen: "https_proxy is not the URL of a proxy", Remedy: url}},
		{map[string]string{"NO_PROXY": "localhost,.lab", "no_proxy": "bob:hunter2@proxy:3128"}, checkup.Item{Name: "proxy", Health: checkup.Healthy, Seen: "NO_PROXY=localhost,.lab, no_proxy=…@proxy:3128", Remedy: ""}},
	} {
		if got := proxyItem(func(name string) string { return tt.environment[name] }, ""); got != tt.want {
			t.Errorf("%v: got %+v, want %+v", tt.environment, got, tt.want)
		}
	}
}

func TestDoctor_AnUnsynchronisedClockIsNoFault(t *testing.T) {
	for _, tt := range []struct {
		status int
		state  unix.Timex
		err    error
		want   string
	}{
		{0, unix.Timex{Maxerror: 1500}, nil, "off by at most 1.5ms"},
		{5, unix.Timex{}, nil, "not synchronised (NTP)"},
		{-1, unix.Timex{}, errors.New("no"), "unknown whether it is synchronised: no"},
	} {
		if got := syncText(tt.status, tt.state, tt.err); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestProxyThatOnlyDockerdHas(t *testing.T) {
	const where = "HTTPS_PROXY of docker.service"
	if got := proxyItem(func(string) string { return "" }, where); got.Health != checkup.Healthy || !strings.Contains(got.Seen, where) {
		t.Errorf("got %+v, want %s in it", got, where)
	}
	own := func(name string) string { return map[string]string{"HTTPS_PROXY": "http://proxy.lab"}[name] }
	if got := proxyItem(own, where); strings.Contains(got.Seen, where) {
		t.Errorf("got %+v, want only our own proxy", got)
	}
}
