package inventory

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/verify"
)

// short is a directory with a path that is short enough for a socket (unix(7)).
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "inventory-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func makeDirs(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSockets(t *testing.T) {
	dir := short(t)
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	makeDirs(t, filepath.Join(dir, "empty.sock"))
	err = errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), os.Symlink(dir, filepath.Join(dir, "link")))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		found []string
		seen  bool
	}{
		filepath.Join(dir, "s"):          {[]string{filepath.Join(dir, "s")}, true},
		dir:                              {[]string{filepath.Join(dir, "s")}, true},
		filepath.Join(dir, "link"):       {[]string{filepath.Join(dir, "link", "s")}, true},
		filepath.Join(dir, "empty.sock"): {nil, true},
		filepath.Join(dir, "file"):       {nil, true},
		filepath.Join(dir, "missing"):    {nil, false},
	} {
		if found, seen := sockets(path); !slices.Equal(found, want.found) || seen != want.seen {
			t.Errorf("%s: got %q, %t, want %q, %t", path, found, seen, want.found, want.seen)
		}
	}
}

func TestHidesTmp(t *testing.T) {
	root := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	makeDirs(t, at("wrote", "tmp", "x"), at("empty", "tmp"), at("nothing"), at("imageEmpty", "tmp"), at("imageFull", "tmp", "y"), at("linked"))
	if err := os.Symlink(at("wrote", "tmp"), at("linked", "tmp")); err != nil {
		t.Fatal(err)
	}
	mount := verify.Container{Mounts: []verify.HostMount{{Destination: "/tmp/cache"}}}
	volume := verify.Container{Volumes: []verify.Volume{{Destination: "/tmp/"}}}
	beside := verify.Container{Volumes: []verify.Volume{{Destination: "/tmpfiles"}}}
	for _, tt := range []struct {
		situation    string
		c            verify.Container
		upper, lower string
		want         bool
	}{
		{"files, and none in the image", verify.Container{}, "wrote", "nothing:imageEmpty", true},
		{"files, and a directory with another name is mounted", beside, "wrote", "imageEmpty", true},
		{"no files", verify.Container{}, "empty", "imageEmpty", false},
		{"no directory", verify.Container{}, "nothing", "imageEmpty", false},
		{"a symlink of the container's is not followed", verify.Container{}, "linked", "imageEmpty", false},
		{"files, also in the image", verify.Container{}, "wrote", "nothing:imageFull:imageEmpty", false},
		{"a mount below it", mount, "wrote", "imageEmpty", false},
		{"a volume at it", volume, "wrote", "imageEmpty", false},
	} {
		var lower []string
		for layer := range strings.SplitSeq(tt.lower, ":") {
			lower = append(lower, at(layer))
		}
		got, err := hidesTmp(engine.StoredContainer{Container: tt.c, Upper: at(tt.upper), Lower: strings.Join(lower, ":")})
		if got != tt.want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", tt.situation, got, err, tt.want)
		}
	}
	if got, err := hidesTmp(engine.StoredContainer{}); got || err != nil {
		t.Errorf("another storage driver: got %t, %v, want false", got, err)
	}
}

func TestOf(t *testing.T) {
	d := fakedockerd.New(t, 24, 45)
	id := func(c string) string { return strings.Repeat(c, 64) }
	d.AnswerText("/containers/json", `[{"Id":"`+id("a")+`","Names":["/web"],"SizeRw":7},{"Id":"`+id("b")+`","Names":["/bad\u001b"]},{"Id":"`+id("c")+`","Names":["/gone"]}]`)
	d.AnswerText("/containers/"+id("a")+"/json", `{"Id":"`+id("a")+`","Name":"/web","State":{"Status":"exited"},"HostConfig":{"Runtime":"runc","NetworkMode":"bridge"},`+
		`"Mounts":[],"Config":{},"NetworkSettings":{"Networks":{"bridge":{},"app":{"IPAMConfig":null}}}}`)
	d.AnswerText("/containers/"+id("b")+"/json", `[]`)
	h := &host.Host{Paths: host.Paths{Socket: d.Socket}}
	got, unseen, err := Of(t.Context(), h, host.Observed{Engine: &engine.Info{}}, true)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v, want two containers", got, err)
	}
	if web := got[1]; web.Name != "web" || web.Running || web.Bytes != 7 || web.Network != "app" || web.Runtime != "runc" {
		t.Errorf("got %+v", web)
	}
	if diff := cmp.Diff([]string{`dockerd's answer about these containers cannot be used: "bad\x1b"`}, unseen); diff != "" {
		t.Errorf("unseen, -want +got:\n%s", diff)
	}
}

func TestLook_UnseenIsBounded(t *testing.T) {
	var stored []engine.StoredContainer
	for _, name := range strings.Split("a b c d e f g", " ") {
		stored = append(stored, engine.StoredContainer{Container: verify.Container{Name: name, Unread: errors.New("x")}, State: "paused"})
	}
	all, unseen := look(stored, time.After(LookTime))
	if len(all) != 7 || !all[0].Running {
		t.Errorf("got %+v, want seven that run", all)
	}
	if diff := cmp.Diff([]string{"dockerd's answer about these containers cannot be used: a, b, c, d, e and 2 more"}, unseen); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
