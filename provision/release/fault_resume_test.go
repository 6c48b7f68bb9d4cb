package release_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestFault_D05_CutShortIsResumed(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	mustInstall(t, r, r.spec(wanted, "cut"))
	if got := r.asked("gvisor.tar.zstd"); got != 2 || !strings.HasSuffix(r.requests[len(r.requests)-1], "-") {
		t.Errorf("got requests %q, want two for the artifact, the last with a Range", r.requests)
	}
}

// half announces the whole artifact but sends half of it.
func half(t *testing.T, r *rig) http.HandlerFunc {
	content, err := os.ReadFile(filepath.Join(r.at(wanted), "gvisor.tar.zstd"))
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"first"`)
		w.Header().Set("Content-Length", lengthOf(content))
		_, _ = w.Write(content[:len(content)/2])
		panic(http.ErrAbortHandler)
	}
}

func TestFault_D05_WrongRangeIsNotTaken(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	first := half(t, r)
	var n atomic.Int32
	spec := r.flaky(t, "gvisor.tar.zstd", 2, func(w http.ResponseWriter, req *http.Request) {
		if n.Add(1) == 1 {
			first(w, req)
		}
		w.Header().Set("Content-Range", "bytes 5-9/100")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("wrong"))
	})
	mustInstall(t, r, spec)
	if got := r.asked("gvisor.tar.zstd"); got != 3 || strings.Contains(r.requests[len(r.requests)-1], "bytes=") {
		t.Errorf("got requests %q, want three for the artifact, the last without a Range", r.requests)
	}
}

func TestFault_D05_RangeServedInPieces(t *testing.T) {
	r := newRig(t)
	// Each piece is enough to reset the count of tries.
	random := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(random)
	good := fakerunsc.Program(t, fakerunsc.Options{})
	r.publishArchive(t, pack(t, map[string][]byte{"runsc": good, "gvisor-bin/gvisor_sentry": good, "random": random}))
	r.source.Limits.ArtifactBytes = 32 << 20
	content, err := os.ReadFile(filepath.Join(r.at(wanted), "gvisor.tar.zstd"))
	if err != nil {
		t.Fatal(err)
	}
	first := half(t, r)
	spec := r.flaky(t, "gvisor.tar.zstd", 1<<20, func(w http.ResponseWriter, req *http.Request) {
		var at int
		if _, err := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-", &at); err != nil {
			first(w, req)
		}
		end := min(at+len(content)/5, len(content))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, end-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content[at:end])
	})
	mustInstall(t, r, spec)
}

func TestFault_D05_ChangedInBetween(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	first := half(t, r)
	spec := r.flaky(t, "gvisor.tar.zstd", 1, func(w http.ResponseWriter, req *http.Request) {
		path := filepath.Join(r.at(wanted), "gvisor.tar.zstd")
		content, err := os.ReadFile(path)
		if err == nil {
			content[3]++ // same length, other content, other ETag
			err = os.WriteFile(path, content, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
		first(w, req)
	})
	refused[*release.UnavailableError](t, r, spec, "changed while it was fetched")
}

func TestFault_D06_ShorterThanAnnouncedWithoutRange(t *testing.T) {
	t.Run("always", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		refused[*release.UnavailableError](t, r, r.spec(wanted, "short"), "cannot resume")
		if got := r.asked("gvisor.tar.zstd"); got != 3 { // the third says 200 again, and is left
			t.Errorf("asked %d times, want 3", got)
		}
	})
	t.Run("once", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		first := half(t, r)
		var n atomic.Int32
		spec := r.flaky(t, "gvisor.tar.zstd", 2, func(w http.ResponseWriter, req *http.Request) {
			if n.Add(1) == 1 {
				first(w, req)
			}
			http.ServeFile(w, &http.Request{Method: http.MethodGet, URL: req.URL}, filepath.Join(r.at(wanted), "gvisor.tar.zstd"))
		})
		mustInstall(t, r, spec)
	})
}
