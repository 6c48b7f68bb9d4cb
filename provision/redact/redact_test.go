package redact

import "testing"

func TestRedact(t *testing.T) {
	digest := "sha256:091dfad08572deeed08c318e1b2e30f63c599dd491934f66ed3ef316757d3c12"
	for _, tt := range []struct{ text, want string }{
		{"proxy http://user:hunter2@proxy.example:3128/x", "proxy http://…@proxy.example:3128/x"},
		{"HTTPS_PROXY=http://token@proxy.example", "HTTPS_PROXY=http://…@proxy.example"},
		{"http://user:p@ss@proxy/x", "http://…@proxy/x"},
		{"http://user:pa/ss@proxy", "http://…@proxy"},
		{`{"a":"http://user:h\"2@proxy","b":"c"}`, `{"a":"http://…@proxy","b":"c"}`},
		{"dial user:hunter2@proxy:3128: refused", "dial …@proxy:3128: refused"},
		{"HTTPS_PROXY=user:hun@t/er2@proxy:3128", "HTTPS_PROXY=…@proxy:3128"},
		{"user:hunter2@proxy,alpine:3@" + digest, "…@proxy,alpine:3@" + digest},
		{"token123@proxy:3128", "…@proxy:3128"},
		{"Authorization: Bearer abcdef123456", "Authorization: …"},
		{"curl -H 'Authorization: Digest user=bob, response=abc'", "curl -H 'Authorization: …"},
		{"Cookie: a=hunter2; b=hunter2\nnext", "Cookie: …\nnext"},
		{"x Bearer abcdef123456 y", "x Bearer … y"},
		{`{"auth": "aHVudGVyMg==", "size": 3}`, `{"auth": …, "size": 3}`},
		{`{"password":"hun\"ter2","size":3}`, `{"password":…,"size":3}`},
		{`msg="login password=hunter2 done"`, `msg="login password=… done"`},
		{"password=hunter2 user=bob", "password=… user=bob"},
		{"password=hun,ter2", "password=…"},
		{"api_key: 'x y' end", "api_key: … end"},
		{"SECRET_ACCESS_KEY_2=hunter2", "SECRET_ACCESS_KEY_2=…"},
		{"DB_PASS1=hunter2 TOKEN_V1=hunter2 PASSWORD2: hunter2", "DB_PASS1=… TOKEN_V1=… PASSWORD2: …"},
		{"pwd=hunter2 KEY=hunter2 private_key=hunter2 PIN=778899", "pwd=… KEY=… private_key=… PIN=…"},
		{"accessKey: hunter2\nPGKEY=/hunter2", "accessKey: …\nPGKEY=…"},
		{"session=hunter2", "session=…"},
		{"password := hunter2; c['password'] = 'hunter2'", "password := … c['password'] = …"},
		{"GET /x?a=1&sig=hunter2 X-Amz-Signature=hunter2", "GET /x?a=1&sig=… X-Amz-Signature=…"},
		{"redis --requirepass hunter2 --port 1", "redis --requirepass … --port 1"},
		{`["--password" "hunter2" "--debug" "x"]`, `["--password" … "--debug" "x"]`},
		{`["--password","hunter2"]`, `["--password",…]`},
		{"--token --debug", "--token --debug"},
		{"--env TOKEN=hunter2", "--env TOKEN=…"},
		{"ghp_abcdefghijklmnopqrstuvwx", "…"},
		{"AKIAABCDEFGHIJKLMNOP", "…"},
		{"glpat-abcdefghijklmnop_123 github_pat_11ABCDEFG_abcdefg", "… …"},
		{"dckr_pat_abcdefghijklmnop npm_abcdefghijklmnopqrstuvwxyz0123456789", "… …"},
		{"sk-proj-abcdefghijklmnopqrst AIzaSyA1234567890abcdefghijklmnopqrstu", "… …"},
		{"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n…\nb"},
		{"a\n-----BEGIN PRIVATE KEY-----\nMII", "a\n…"},

		{"curl -u bob:hunter2 https://h/", "curl -u … https://h/"},
		{`["curl" "-u" "bob:hunter2"]`, `["curl" "-u" "…"]`},
		{"mysql -h db -phunter2 -e x", "mysql -h db -p… -e x"},
		{`["redis-cli","-a","hunter2"]`, `["redis-cli","-a","…"]`},
		{"sshpass -p 'hunter2' ssh h", "sshpass -p '…' ssh h"},
		{"docker run -p 8080:80 -u 1000:1000 x; mkdir -p /x", "docker run -p 8080:80 -u 1000:1000 x; mkdir -p /x"},
		{"journalctl -u docker.service: x", "journalctl -u docker.service: x"},
		{digest, digest},
		{"docker.io/library/alpine:3@" + digest, "docker.io/library/alpine:3@" + digest},
		{"https://storage.googleapis.com/gvisor/releases", "https://storage.googleapis.com/gvisor/releases"},
		{"Get \"https://host:8443/v2/\": x509: unknown authority", "Get \"https://host:8443/v2/\": x509: unknown authority"},
		{"mail bob@example.com", "mail bob@example.com"},
		{"getty@tty1.service: started", "getty@tty1.service: started"},
		{"release.keep = 1", "release.keep = 1"},
		{"release.key_url = https://example.com/key", "release.key_url = https://example.com/key"},
		{"unauthorized: authentication required", "unauthorized: authentication required"},
		{"passed: 5, author: bob", "passed: 5, author: bob"},
		{"-rw-r--r-- 1 root root", "-rw-r--r-- 1 root root"},
	} {
		got := Text(tt.text)
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
		if again := Text(got); again != got {
			t.Errorf("%q: a second time: got %q, want %q", tt.text, again, got)
		}
	}
}

func TestURLs(t *testing.T) {
	for given, want := range map[string]string{
		"https://user:pa@ss@host/x and u@host":              "https://…@host/x and u@host",
		`{"url": "https://user:p\"q@host/x", "b": "a@b"}`:   `{"url": "https://…@host/x", "b": "a@b"}`,
		"docker.io/busybox@sha256:0123":                     "docker.io/busybox@sha256:0123",
		"https://host/path, without a user; --token=secret": "https://host/path, without a user; --token=secret",
	} {
		if got := URLs(given); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}
