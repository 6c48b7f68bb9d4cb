package prepare

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/seen"
)

func TestRecord_IsWrittenOnceAndForRootOnly(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	h := &host.Host{Paths: host.Paths{State: at("state"), Config: at("etc"), Store: at("store"), Link: at("runsc")}}
	if err := os.MkdirAll(h.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	o := seen.Host{File: "{\"a\": \"<&>\\u00e9\"}\n", Unrecorded: true, Engine: seen.Dockerd("")}.Observed(t)
	p, err := plan.New(config.Default(), o, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for range 2 {
		if err := Record(h, config.Default(), o, p, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		if o.Before, _, err = h.State().Before().Read(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(h.State().Before().Path())
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Errorf("got another record the second time: %s\nwant %s", texts[1], texts[0])
	}
	if got := o.Before.Files[o.File.Path].Text; got != string(o.File.Bytes) {
		t.Errorf("got text %q, want %q byte for byte", got, o.File.Bytes)
	}
	info, err := os.Stat(h.State().Before().Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600", info.Mode(), err)
	}
	for _, object := range []string{"link:" + h.Paths.Link, "directory:" + h.Paths.Store, "file:" + config.SavedPath(h.Paths.Config)} {
		if got, ok := o.Before.Objects[object]; !ok || got.Present {
			t.Errorf("%s: got %+v, want it recorded as absent", object, got)
		}
	}
}
