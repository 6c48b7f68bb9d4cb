package release_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

func TestFault_D01_MissingFileIsNeverAnArtifact(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	for _, fault := range []string{"html404", "html403"} {
		t.Run(fault, func(t *testing.T) {
			refused[*release.RefusedError](t, r, r.spec(wanted, fault), r.server.URL+"/fault-"+fault, "release/"+wanted, fault[4:])
		})
	}
	t.Run("no such release", func(t *testing.T) {
		refused[*release.RefusedError](t, r, r.spec("20260101.0", ""), r.server.URL, "release/20260101.0", "404", "application/xml")
	})
	t.Run("digest without its artifact", func(t *testing.T) {
		if err := os.Remove(filepath.Join(r.at(wanted), "gvisor.tar.zstd")); err != nil {
			t.Fatal(err)
		}
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "gvisor.tar.zstd", "404")
	})
}

func TestFault_D02_CaptivePortal(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	refused[*release.RefusedError](t, r, r.spec(wanted, "html200"), r.server.URL, "HTML")
}

// flaky answers the first n requests for path with answer, and serves the
// others correctly.
func (r *rig) flaky(t *testing.T, path string, n int32, answer http.HandlerFunc) release.Spec {
	t.Helper()
	var served atomic.Int32
	well := releases.Handler(r.tree)
	server := httptest.NewTLSServer(r.recording(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, path) && served.Add(1) <= n {
			answer(w, req)
			return
		}
		well.ServeHTTP(w, req)
	})))
	t.Cleanup(server.Close)
	r.source.HTTP = server.Client()
	spec := r.spec(wanted, "")
	spec.URL = releases.URL(server.URL, "")
	return spec
}

func mustInstall(t *testing.T, r *rig, spec release.Spec) release.Installed {
	t.Helper()
	got, err := r.install(t, spec)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = r.store.Verify(t.Context(), got.Name); err != nil || !got.State.Intact() {
		t.Fatalf("got %+v, error %v; want it intact", got.State, err)
	}
	return got
}

func TestFault_D03_ServerOrNetworkFails(t *testing.T) {
	t.Run("500 for ever", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		refused[*release.UnavailableError](t, r, r.spec(wanted, "500"), "500", "3 tries")
		if got := r.asked("gvisor.tar.zstd.sha512"); got != 3 {
			t.Errorf("asked %d times, want 3", got)
		}
		// Only a clean "not found" may lead to another layout.
		if got := r.asked(".bz2.sha512"); got != 0 {
			t.Errorf("asked for bz2 %d times, want 0", got)
		}
	})
	t.Run("500 twice", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		mustInstall(t, r, r.flaky(t, ".sha512", 2, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	})
	t.Run("reset", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		refused[*release.UnavailableError](t, r, r.spec(wanted, "reset"), r.server.URL)
	})
	t.Run("connection refused", func(t *testing.T) {
		r := newRig(t)
		r.server.Close()
		refused[*release.UnavailableError](t, r, r.spec(wanted, ""), "connection refused")
	})
	t.Run("no such host", func(t *testing.T) {
		r := newRig(t)
		r.source.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "releases.test", IsNotFound: true}
		}}}
		refused[*release.UnavailableError](t, r, r.spec(wanted, ""), "no such host")
	})
}

func TestFault_D04_RetryAfterIsHonoured(t *testing.T) {
	answer := func(code int, after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(code)
		}
	}
	for _, fault := range []string{"429", "503", "429-day"} {
		t.Run("longer than the cap, "+fault, func(t *testing.T) {
			r := newRig(t)
			refused[*release.UnavailableError](t, r, r.spec(wanted, fault), fault[:3], "asks to wait")
			if got := r.asked(".sha512"); got != 1 {
				t.Errorf("asked %d times, want 1", got)
			}
		})
	}
	const digestFile = "gvisor.tar.zstd.sha512"
	for name, after := range map[string]string{"seconds": "600", "a date": "Sat, 01 Jan 2000 00:10:00 GMT"} { // a bubble begins in 2000
		t.Run("within the cap, not asked again before, "+name, func(t *testing.T) {
			r := newRig(t)
			r.source.Limits.Download.RetryAfterMax = time.Hour
			var asked []time.Time
			r.bubble(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if path.Base(req.URL.Path) == digestFile {
					asked = append(asked, time.Now())
				}
				if len(asked) == 1 {
					answer(503, after)(w, req)
					return
				}
				http.NotFound(w, req)
			}), func(t *testing.T) {
				refused[*release.RefusedError](t, r, bubbled(""), "404")
				if len(asked) != 2 || asked[1].Sub(asked[0]) != 10*time.Minute {
					t.Errorf("asked at %v, want once more, ten minutes later", asked)
				}
			})
		})
	}
	t.Run("within the cap, longer than all may take", func(t *testing.T) {
		r := newRig(t)
		r.source.Limits.Download.RetryAfterMax = time.Hour
		r.source.Limits.Download.Total = 5 * time.Minute
		r.bubble(t, answer(503, "600"), func(t *testing.T) {
			refused[*release.UnavailableError](t, r, bubbled(""), "not finished within 5m0s")
			if got := r.asked(digestFile); got != 1 {
				t.Errorf("asked %d times, want 1: the wait was not kept", got)
			}
		})
	})
	t.Run("over", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		mustInstall(t, r, r.flaky(t, ".sha512", 1, answer(429, "Mon, 02 Jan 2006 15:04:05 GMT")))
	})
}

func TestFault_D07_LongerThanAccepted(t *testing.T) {
	for fault, says := range map[string]string{"long": "more than the", "huge": "announced"} {
		t.Run(fault, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			refused[*release.RefusedError](t, r, r.spec(wanted, fault), says)
		})
	}
	t.Run("digest file", func(t *testing.T) {
		r := newRig(t)
		fakerunsc.Publish(t, r.at(wanted), "gvisor.tar.zstd", nil)
		if err := os.WriteFile(filepath.Join(r.at(wanted), "gvisor.tar.zstd.sha512"), make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "announced, at most 4096")
	})
}

func TestFault_D08_TooSlow(t *testing.T) {
	t.Run("one byte a second", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		r.bubble(t, releases.Handler(r.tree), func(t *testing.T) {
			refused[*release.UnavailableError](t, r, bubbled("slow"), "too slow", "in 30s")
		})
	})
	t.Run("total deadline", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		r.source.Limits.Download.Total = 20 * time.Second
		r.bubble(t, releases.Handler(r.tree), func(t *testing.T) {
			refused[*release.UnavailableError](t, r, bubbled("slow"), "not finished within 20s")
		})
	})
	t.Run("no answer", func(t *testing.T) {
		r := newRig(t)
		limits := quick()
		limits.Download.Header = 10 * time.Millisecond
		hung := make(chan struct{})
		server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
		defer server.Close()
		defer close(hung)
		roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		r.source.HTTP = download.Client(limits.Download, roots)
		spec := r.spec(wanted, "")
		spec.URL = releases.URL(server.URL, "")
		refused[*release.UnavailableError](t, r, spec, "3 tries", "awaiting response headers")
	})
}
