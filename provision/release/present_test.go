package release_test

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestInstalledReleaseIsNotFetchedAgain(t *testing.T) {
	r := newRig(t)
	installed, err := r.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.source.Have = installed
	got, err := r.install(t, r.spec(before, ""))
	if err != nil || got.Name != before {
		t.Fatalf("got %q, %v; want %s", got.Name, err, before)
	}
	for _, request := range r.requests {
		if !strings.HasSuffix(request, ".sha512") {
			t.Errorf("got a request for %s, want none but for digests", request)
		}
	}

	r.source.Have[0].State = release.State{File: "runsc", Reason: "runsc is missing"}
	r.requests = nil
	if _, err := r.install(t, r.spec(before, "")); err != nil {
		t.Fatal(err)
	}
	if len(r.requests) < 2 {
		t.Errorf("damaged: got the requests %v, want the archive too", r.requests)
	}
}

func TestFault_D15_InstalledReleaseUnderTheNameOfAnother(t *testing.T) {
	r := newRig(t)
	fakerunsc.Bundle(t, r.at(wanted), fakerunsc.Options{Label: "release-" + before}, fakerunsc.Zstd)
	installed, err := r.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.source.Have = installed
	refused[*release.RefusedError](t, r, r.spec(wanted, ""), "reports release "+before)
}
