package commandline

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProxyVariable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("https_proxy=http://proxy.lab:3128\nHTTPS_PROXY=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		s    Service
		want string
	}{
		"none":                         {Service{Environment: []string{"HTTP_PROXY=http://p", "NO_PROXY=x", "HTTPS_PROXY="}}, ""},
		"in the unit":                  {Service{Environment: []string{"A=b", "HTTPS_PROXY=http://p"}}, "HTTPS_PROXY"},
		"in a file":                    {Service{EnvironmentFiles: []string{file}}, "https_proxy"},
		"taken back by a file":         {Service{Environment: []string{"HTTPS_PROXY=http://p"}, EnvironmentFiles: []string{file}}, "https_proxy"},
		"in a file that may be absent": {Service{EnvironmentFiles: []string{"-/nosuchfile"}}, ""},
	} {
		if got, err := ProxyVariable(tt.s); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
	}
}
