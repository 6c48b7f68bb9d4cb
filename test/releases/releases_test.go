package releases

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	artifact = "release/latest/x86_64/gvisor.tar.zstd"
	digest   = artifact + ".sha512"
)

// artifactContent is larger than the buffers between server and client.
func artifactContent() string { return strings.Repeat("0123456789abcdef", 1<<16) }

// serveTree serves a tree with one artifact and its digest, and returns the
// content of the artifact.
func serveTree(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	content := artifactContent()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "outside"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, artifact)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x  gvisor.tar.zstd\n", sha512.Sum512([]byte(content)))
	for name, text := range map[string]string{path: content, path + ".sha512": sum} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewTLSServer(Handler(dir))
	t.Cleanup(server.Close)
	return server, content
}

// An answer is what a client got: the head, the part of the body that arrived,
// and how it ended.
type answer struct {
	*http.Response
	body string
	err  error
}

// get reads at most limit bytes of the body and follows no redirect.
func get(t *testing.T, server *httptest.Server, fault, path, byteRange string, limit int64) answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, URL(server.URL, fault)+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}
	client := *server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", fault, path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, limit))
	return answer{response, string(body), err}
}

func TestHandler_WithoutFaultServesLikeTheBucket(t *testing.T) {
	server, content := serveTree(t)

	a := get(t, server, "", artifact, "", 1<<30)
	if a.StatusCode != 200 || a.ContentLength != int64(len(content)) || a.body != content {
		t.Errorf("got %s with %d of %d bytes, want all %d", a.Status, len(a.body), a.ContentLength, len(content))
	}
	if a.Header.Get("Accept-Ranges") != "bytes" || a.Header.Get("ETag") == "" {
		t.Errorf("got headers %v, want Accept-Ranges and an ETag", a.Header)
	}
	a = get(t, server, "", artifact, "bytes=1000-", 1<<30)
	if a.StatusCode != 206 || a.body != content[1000:] {
		t.Errorf("range: got %s with %d bytes, want 206 with %d", a.Status, len(a.body), len(content)-1000)
	}
	a = get(t, server, "", "release/latest/x86_64/runsc", "", 1<<30)
	if a.StatusCode != 404 || !strings.HasPrefix(a.body, "<?xml") || !strings.Contains(a.body, "NoSuchKey") {
		t.Errorf("missing file: got %s %q, want 404 with the bucket's XML", a.Status, a.body)
	}
	if a = get(t, server, "", "release/latest/x86_64", "", 1<<30); a.StatusCode != 404 {
		t.Errorf("directory: got %s, want 404", a.Status)
	}
	if a = get(t, server, "", "..%2foutside", "", 1<<30); a.StatusCode == 200 {
		t.Errorf("outside the tree: got %s %q, want it refused", a.Status, a.body)
	}
	if a = get(t, server, "unheard-of", artifact, "", 1<<30); a.StatusCode != 501 {
		t.Errorf("unknown fault: got %s, want 501", a.Status)
	}
}

// These faults are a status, headers and a short body, for every path.
func TestHandler_FaultsOfTheAnswer(t *testing.T) {
	server, _ := serveTree(t)
	for _, test := range []struct {
		fault  string
		status int
		header string // name
		value  string // what its value contains
		body   string // what the body contains
	}{
		{"html404", 404, "Content-Type", "text/html", "sign in"},
		{"html403", 403, "Content-Type", "text/html", "sign in"},
		{"html200", 200, "Content-Type", "text/html", "sign in"},
		{"500", 500, "Content-Type", "text/plain", ""},
		{"503", 503, "Retry-After", "1", ""},
		{"429", 429, "Retry-After", "1", ""},
		{"429-day", 429, "Retry-After", "86400", ""},
		{"redirect-http", 302, "Location", "http://127.0.0.1", ""},
		{"redirect-loop", 302, "Location", "/fault-redirect-loop" + Prefix, ""},
		{"redirect-other", 302, "Location", "https://" + OtherHost + ":", ""},
	} {
		t.Run(test.fault, func(t *testing.T) {
			for _, path := range []string{artifact, digest, "release/latest/x86_64/not-there"} {
				a := get(t, server, test.fault, path, "", 1<<20)
				if a.StatusCode != test.status {
					t.Errorf("%s: got %s, want %d", path, a.Status, test.status)
				}
				if got := a.Header.Get(test.header); !strings.Contains(got, test.value) {
					t.Errorf("%s: got %s %q, want one with %q", path, test.header, got, test.value)
				}
				if !strings.Contains(a.body, test.body) {
					t.Errorf("%s: got body %q, want one with %q", path, a.body, test.body)
				}
			}
		})
	}
}

func TestHandler_FaultsOfTheBody(t *testing.T) {
	server, content := serveTree(t)
	half := content[:len(content)/2]
	for _, test := range []struct {
		fault, byteRange string
		status           int
		length           int64 // announced; -1: not
		body             string
		err              error
	}{
		{"reset", "", 200, int64(len(content)), "", syscall.ECONNRESET},
		{"cut", "", 200, int64(len(content)), half, io.ErrUnexpectedEOF},
		{"cut", "bytes=100-", 206, int64(len(content)) - 100, content[100:], nil},
		{"short", "", 200, int64(len(content)), half, io.ErrUnexpectedEOF},
		{"short", "bytes=100-", 200, int64(len(content)), half, io.ErrUnexpectedEOF},
		{"norange", "bytes=100-", 200, int64(len(content)), content, nil},
		{"long", "", 200, -1, content + "\x00\x00\x00\x00", nil},
		{"huge", "", 200, capExceeded, content + "\x00\x00\x00\x00", nil},
		{"slow", "", 200, int64(len(content)), "0", nil},
		{"trickle", "", 200, int64(len(content)), content[:100], nil},
	} {
		t.Run(strings.TrimSpace(test.fault+" "+test.byteRange), func(t *testing.T) {
			limit := int64(len(content))
			if test.err == nil {
				limit = int64(len(test.body)) // read no more of an endless one
			}
			a := get(t, server, test.fault, artifact, test.byteRange, limit)
			if a.StatusCode != test.status || a.ContentLength != test.length {
				t.Errorf("got %s announcing %d bytes, want %d announcing %d", a.Status, a.ContentLength, test.status, test.length)
			}
			if !errors.Is(a.err, test.err) {
				t.Errorf("got error %v, want %v", a.err, test.err)
			}
			// A reset may destroy bytes in transit.
			if test.fault != "reset" && a.body != test.body {
				t.Errorf("got %d bytes, want %d", len(a.body), len(test.body))
			}
			if a = get(t, server, test.fault, digest, "", 1<<20); a.StatusCode != 200 || !strings.HasSuffix(a.body, "  gvisor.tar.zstd\n") {
				t.Errorf("digest file: got %s %q, want the right one", a.Status, a.body)
			}
		})
	}
}

func TestHandler_BitflipIsOneBitAlsoAcrossARange(t *testing.T) {
	server, content := serveTree(t)
	middle := len(content) / 2
	want := content[:middle] + string(content[middle]^1) + content[middle+1:]
	if a := get(t, server, "bitflip", artifact, "", 1<<30); a.body != want {
		t.Errorf("whole: got %d bytes that are not the ones with one bit flipped", len(a.body))
	}
	if a := get(t, server, "bitflip", artifact, fmt.Sprintf("bytes=%d-", middle-1), 1<<30); a.body != want[middle-1:] {
		t.Errorf("range: got %d bytes that are not the ones with one bit flipped", len(a.body))
	}
}

func TestHandler_FaultsOfTheDigest(t *testing.T) {
	server, content := serveTree(t)
	sum := fmt.Sprintf("%x", sha512.Sum512([]byte(content)))
	for fault, want := range map[string]string{
		"badsum-empty":     "",
		"badsum-malformed": sum[1:] + "  gvisor.tar.zstd\n",
		"badsum-othername": sum + "  other-gvisor.tar.zstd\n",
		"badsum-wrong":     strings.Repeat("0", 128) + "  gvisor.tar.zstd\n",
	} {
		if a := get(t, server, fault, digest, "", 1<<20); a.StatusCode != 200 || a.body != want {
			t.Errorf("%s: got %s %q, want %q", fault, a.Status, a.body, want)
		}
		if a := get(t, server, fault, artifact, "", 1<<30); a.body != content {
			t.Errorf("%s: got %d bytes of the artifact, want it unchanged", fault, len(a.body))
		}
	}
}

// TestFaults_AreAllTested keeps the tables above complete.
func TestFaults_AreAllTested(t *testing.T) {
	source, err := os.ReadFile("releases_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Faults() {
		if !strings.Contains(string(source), `"`+f.Name+`"`) {
			t.Errorf("fault %s: got no test of it", f.Name)
		}
		if f.Doc == "" {
			t.Errorf("fault %s: got no text that says what it does", f.Name)
		}
	}
}
