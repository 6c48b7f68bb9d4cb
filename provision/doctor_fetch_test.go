package provision

import "testing"

func TestDoctor_ProxyIsTakenAsNetHTTPTakesIt(t *testing.T) {
	url := "set it to a URL such as http://proxy.example.com:3128"
	for _, tt := range []struct {
		environment map[string]string
		want        Item
	}{
		{nil, Item{"proxy", Healthy, "none", ""}},
		{map[string]string{"HTTPS_PROXY": "http://proxy:3128"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "proxy.example.com:3128"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy.example.com:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "10.0.0.1:3128"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://10.0.0.1:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "proxy"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy", ""}},
		{map[string]string{"HTTPS_PROXY": "socks5://proxy:1080"}, Item{"proxy", Healthy, "HTTPS_PROXY=socks5://proxy:1080", ""}},
		{map[string]string{"HTTPS_PROXY": "http://tok3n@proxy:3128/hunter2?hunter2"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "bob:hunter2@proxy:3128"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "http://bob:p@ss@proxy:3128"}, Item{"proxy", Healthy, "HTTPS_PROXY=http://proxy:3128", ""}},
		{map[string]string{"HTTPS_PROXY": "http://bob:hun/ter2@proxy:3128"}, Item{"proxy", Critical, "HTTPS_PROXY is no URL of a proxy", url}},
		{map[string]string{"HTTPS_PROXY": "ftp://proxy"}, Item{"proxy", Critical, "HTTPS_PROXY is no URL of a proxy", url}},
		{map[string]string{"https_proxy": "http://"}, Item{"proxy", Critical, "https_proxy is no URL of a proxy", url}},
		{map[string]string{"NO_PROXY": "localhost,.lab", "no_proxy": "bob:hunter2@proxy:3128"}, Item{"proxy", Healthy, "NO_PROXY=localhost,.lab, no_proxy=…@proxy:3128", ""}},
	} {
		if got := proxyItem(func(name string) string { return tt.environment[name] }); got != tt.want {
			t.Errorf("%v: got %+v, want %+v", tt.environment, got, tt.want)
		}
	}
}
