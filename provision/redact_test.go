package provision

import "testing"

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"proxy http://user:hunter2@proxy.example:3128/x", "proxy http://…@proxy.example:3128/x"},
		{"HTTPS_PROXY=http://token@proxy.example", "HTTPS_PROXY=http://…@proxy.example"},
		{"Authorization: Bearer abcdef123456", "Authorization: … …"},
		{`{"auth": "aHVudGVyMg==", "size": 3}`, `{"auth": …, "size": 3}`},
		{"password=hunter2 user=bob", "password=… user=bob"},
		{"api_key: 'x y' end", "api_key: … end"},
		{"ghp_abcdefghijklmnopqrstuvwx", "…"},
		{"AKIAABCDEFGHIJKLMNOP", "…"},
		{"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n…\nb"},
		{"sha256:091dfad08572deeed08c318e1b2e30f63c599dd491934f66ed3ef316757d3c12", "sha256:091dfad08572deeed08c318e1b2e30f63c599dd491934f66ed3ef316757d3c12"},
		{"https://storage.googleapis.com/gvisor/releases", "https://storage.googleapis.com/gvisor/releases"},
		{"mail bob@example.com", "mail bob@example.com"},
	} {
		if got := Redact(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestNamesOnly(t *testing.T) {
	got := namesOnly([]string{"/usr/sbin/dockerd", "-H", "fd://", "--log-opt", "splunk-token=abc", "--debug=true", "--data-root=/srv", "--label=x"})
	if want := "/usr/sbin/dockerd -H … --log-opt splunk-token=… --debug=true --data-root=/srv --label=…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
