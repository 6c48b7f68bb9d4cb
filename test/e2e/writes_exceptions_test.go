package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// writesExceptionImages are images that make a difference, most of them by their /tmp.
var writesExceptionImages = map[string][]tarEntry{
	"tmp-empty":  {{name: "tmp/", mode: 0o1777}},
	"tmp-absent": {},
	"tmp-full":   {{name: "tmp/", mode: 0o1777}, {name: "tmp/.keep", mode: 0o644}},
	"tmp-link":   {{name: "var/", mode: 0o755}, {name: "var/tmp/", mode: 0o1777}, {name: "tmp", symlink: "var/tmp"}},
	"tmp-adrift": {{name: "tmp", symlink: "nowhere"}},
	"hard-links": {{name: "hard/", mode: 0o755}, {name: "hard/a", mode: 0o644, body: "a\n"}, {name: "hard/b", hardlink: "hard/a"}, {name: "tmp/", mode: 0o1777}, {name: "tmp/.keep", mode: 0o644}},
}

// A writesException is a change by a container that is not kept, or would not be without a workaround, and how
// the result differs from runc. Names with a leading slash are from diff, the others from export.
type writesException struct {
	name, image string
	argv        []string
	volume      string // a directory with an anonymous volume
	mount       string // a file of the host, and its path in the container
	put         string // a file is put into this directory before the start
	get         string // this path is read from the container, besides diff and export
	want        []string
}

var writesExceptions = []writesException{
	{name: "tmp, empty", image: "tmp-empty", argv: []string{"put", "/tmp/file", "/other"}, want: []string{"-/tmp", "-/tmp/file", "~tmp/", "-tmp/file"}},
	{name: "tmp, absent", image: "tmp-absent", argv: []string{"put", "/tmp/file", "/other"}, want: []string{"-/tmp/file", "-tmp/file"}},
	{name: "tmp, absent and not used", image: "tmp-absent", argv: []string{"put", "/other"}, want: []string{"+/tmp", "+tmp/"}},
	{name: "tmp, a symlink to an empty directory", image: "tmp-link", argv: []string{"put", "/tmp/file"}, want: []string{"-/var", "-/var/tmp", "-/var/tmp/file", "~var/tmp/", "-var/tmp/file"}},
	// The workarounds.
	{name: "tmp with a file of the image", image: "tmp-full", argv: []string{"put", "/tmp/file"}},
	{name: "tmp with a file put there", image: "tmp-empty", put: "/tmp", argv: []string{"put", "/tmp/file"}},
	{name: "a volume at tmp", image: "tmp-empty", volume: "/tmp", get: "/tmp", argv: []string{"put", "/tmp/file"}},
	{name: "a volume below tmp", image: "tmp-empty", volume: "/tmp/volume", argv: []string{"put", "/tmp/file"}},

	{name: "pipe, device and socket", image: "tmp-full", argv: []string{"nodes", "/tmp"}, want: []string{"-/tmp", "-/tmp/device", "-/tmp/pipe", "-/tmp/socket", "~tmp/", "-tmp/device", "-tmp/pipe"}},
	{name: "the mount point of a file", image: "tmp-full", mount: "/etc/hostname:/mounted", argv: []string{"put", "/other"}, want: []string{"~mounted"}},
}

// hardLinks changes both names of a file of the image.
var hardLinks = writesException{image: "hard-links", argv: []string{"own", "/hard"}}

// exceptions checks that exactly the known differences from runc remain, and that the workarounds work.
func (h host) exceptions() {
	h.t.Helper()
	d := h.dockerAPI()
	for name := range writesExceptionImages {
		h.run(fmt.Sprintf("docker import %s/%s.tar %s", contextsInHost, name, name))
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Minute)
	defer cancel()
	for _, e := range writesExceptions {
		h.t.Run(e.name, func(t *testing.T) {
			runc, err := d.except(ctx, t, "runc", e)
			if err != nil {
				t.Fatal(err)
			}
			other, err := d.except(ctx, t, "runsc", e)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, runc, other, e.want...)
		})
	}
	h.t.Run("tmp, a symlink to nothing", func(t *testing.T) {
		e := writesException{image: "tmp-adrift", argv: []string{"list", "/bin"}}
		if _, err := d.except(ctx, t, "runc", e); err != nil {
			t.Error(err)
		}
		if _, err := d.except(ctx, t, "runsc", e); err == nil || !strings.Contains(err.Error(), "/tmp") {
			t.Errorf("got %v, want no start because of /tmp", err)
		}
	})
	h.t.Run("tmp of a read-only container", func(t *testing.T) {
		for runtime, code := range map[string]int{"runc": 1, "runsc": 0} {
			host{h.Host, t}.exit(code, "docker run --rm --read-only --runtime="+runtime+" tmp-empty /bin/writer put /tmp/file")
		}
	})
	h.t.Run("a file put into a directory in use", func(t *testing.T) {
		for runtime, want := range map[string]string{"runc": "of then", "runsc": "unseen"} {
			if got, err := d.putWhileItRuns(ctx, t, runtime, "ls /", "cat /file 2>/dev/null || echo unseen"); err != nil || !strings.HasSuffix(strings.TrimSpace(got), want) {
				t.Errorf("%s: got %q, %v, want %q", runtime, got, err, want)
			}
		}
	})
	h.t.Run("files remembered", func(t *testing.T) { host{h.Host, t}.seesFiles(cachedRuntime, "old", "-/hard/b", "~hard/b") })
}

// sameFiles checks that Docker and a container see the same files, as with runc.
func (h host) sameFiles() {
	h.t.Helper()
	h.seesFiles("runsc", "of then")
}

// seesFiles checks for these differences from runc after both names of a file of the image were changed. put is
// what a running container reads from a file that it read before, and that Docker then replaced.
func (h host) seesFiles(runtime, put string, links ...string) {
	h.t.Helper()
	d := h.dockerAPI()
	h.run(fmt.Sprintf("docker import %s/%s.tar %s", contextsInHost, hardLinks.image, hardLinks.image))
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute)
	defer cancel()
	h.t.Run("hard links of the image", func(t *testing.T) {
		runc, err := d.except(ctx, t, "runc", hardLinks)
		if err != nil {
			t.Fatal(err)
		}
		other, err := d.except(ctx, t, runtime, hardLinks)
		if err != nil {
			t.Fatal(err)
		}
		differ(t, runc, other, links...)
	})
	h.t.Run("a file put into a running container", func(t *testing.T) {
		for name, want := range map[string]string{"runc": "of then", runtime: put} {
			if got, err := d.putWhileItRuns(ctx, t, name, "printf old >/file; cat /file", "cat /file"); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			}
		}
	})
}

// except runs the container of an exception and gives what Docker sees of it.
func (d dockerAPI) except(ctx context.Context, t *testing.T, runtime string, e writesException) (fileTree, error) {
	var volumes []string
	if e.volume != "" {
		volumes = []string{"writes-" + runtime + strings.ReplaceAll(e.volume, "/", "-") + ":" + e.volume}
	}
	if e.mount != "" {
		volumes = append(volumes, e.mount)
	}
	id, err := d.create(ctx, runtime, e.image, volumes, append([]string{"/bin/writer"}, e.argv...)...)
	if err != nil {
		return nil, err
	}
	if e.put != "" {
		if err := d.put(ctx, id, e.put, tarOf(t, tarEntry{name: "input", mode: 0o644, body: "input\n"})); err != nil {
			return nil, err
		}
	}
	if _, err := d.run(ctx, id, nil); err != nil {
		return nil, err
	}
	seen, err := d.diff(ctx, id)
	if err != nil {
		return nil, err
	}
	exported, err := d.export(ctx, id)
	if err != nil {
		return nil, err
	}
	for name, text := range exported {
		seen[name] = text
	}
	if e.get == "" {
		return seen, nil
	}
	got, err := d.get(ctx, id, e.get)
	for name, text := range got {
		seen[e.get+": "+name] = text
	}
	return seen, err
}

// putWhileItRuns puts /file into a running container after a command ran in it, and returns the output of the
// next command.
func (d dockerAPI) putWhileItRuns(ctx context.Context, t *testing.T, runtime, before, after string) (string, error) {
	id, err := d.create(ctx, runtime, writesImage, nil, "writer", "wait", "/")
	if err != nil {
		return "", err
	}
	if err := d.start(ctx, id); err != nil {
		return "", err
	}
	if _, err := d.exec(ctx, id, "sh", "-c", before); err != nil {
		return "", err
	}
	if err := d.put(ctx, id, "/", tarOf(t, tarEntry{name: "file", mode: 0o644, body: "of then"})); err != nil {
		return "", err
	}
	got, err := d.exec(ctx, id, "sh", "-c", after)
	if err != nil {
		return "", err
	}
	return got, d.remove(ctx, id)
}
