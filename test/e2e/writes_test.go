package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
)

// withDefault makes sandboxes the default, and sets nothing else.
const withDefault = "runsc-provisioner apply --default-runtime" +
	""

// This suite's own runtimes; the product did not register them.
const (
	sandboxedRuntime = "sandboxed" // as gVisor is by default: it keeps writes from Docker
	cachedRuntime    = "cached"    // keeps writes, but follows the first name of a file (no --dcache=0)
)

// A container's writes are where they are with runc, in each of Docker's views. With gVisor's own default they
// are not, which shows that this suite can fail.
func TestWrites(t *testing.T) {
	contexts := writesContexts(t)
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) {
			h := boot(t, lab.Options{Suite: suite, Binds: []lab.Bind{{Source: contexts, Target: contextsInHost, ReadOnly: true}}})
			h.loadWrites()
			runc := h.observe("runc", true)
			h.run(withDefault)
			kept := h.observe("runsc", true)
			t.Run("kept", func(t *testing.T) { keeps(t, runc, kept) })
			t.Run("same files", func(t *testing.T) { host{h.Host, t}.sameFiles() })

			// Each of these on one host only: they take as long as those above.
			if suite == "bookworm" {
				h.registerOthers(sandboxedRuntime)
				lost := h.observe(sandboxedRuntime, false)
				t.Run("lost with root:self", func(t *testing.T) { loses(t, runc, lost) })
			} else {
				h.registerOthers("runsc")
				t.Run("exceptions", func(t *testing.T) { host{h.Host, t}.exceptions() })
			}

			h.run(switchOn + " --allow-restart")
			h.loadImage()
			h.loadWrites()
			h.registerOthers("runc")
			runc = h.observe("runc", true)
			h.run("runsc-provisioner apply")
			kept = h.observe("runsc", true)
			t.Run("kept, remapped", func(t *testing.T) { keeps(t, runc, kept) })
			t.Run("same files, remapped", func(t *testing.T) { host{h.Host, t}.sameFiles() })
		})
	}
}

// keeps checks that all sights are the same as with runc.
func keeps(t *testing.T, runc, other sights) {
	t.Helper()
	if len(runc) < 20 || len(other) != len(runc) {
		t.Errorf("got %d sights of runc and %d of the other, want all of them", len(runc), len(other))
	}
	for _, name := range slices.Sorted(maps.Keys(runc)) {
		t.Run(name, func(t *testing.T) { differ(t, runc[name], other[name], buildDifferences[name]...) })
	}
}

// insideOnly are sights from inside the container that wrote: they are the same whether its writes are kept or not.
var insideOnly = map[string]bool{"inside": true}

// loses checks that every other sight differs from runc.
func loses(t *testing.T, runc, other sights) {
	t.Helper()
	differing := 0
	for _, name := range slices.Sorted(maps.Keys(runc)) {
		found := runc[name].differences(other[name])
		switch {
		case insideOnly[name]:
			differ(t, runc[name], other[name])
		case len(found) == 0:
			t.Errorf("%s: got no differences from runc", name)
		default:
			differing++
			t.Logf("%s: %d differences, the first %s", name, len(found), found[0])
		}
	}
	if want := len(runc) - len(insideOnly); differing != want {
		t.Errorf("got %d of %d sights that differ from runc's, want %d", differing, len(runc), want)
	}
}

const (
	contextsInHost = "/opt/writes"
	writesImage    = "writes:lab"
)

// writesContexts is a directory with the context of each build.
func writesContexts(t *testing.T) string {
	t.Helper()
	lab.SkipIfOff(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := writerProgram(t)
	put := func(name string, content []byte, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, mode); err != nil {
			t.Fatal(err)
		}
	}
	put("base/Dockerfile", []byte("FROM "+lab.Image+"\nADD base.tar /\n"), 0o644)
	put("base/base.tar", baseTar(t, program), 0o644)
	for name, entries := range writesExceptionImages {
		put(name+".tar", tarOf(t, append(entries, tarEntry{name: "bin/", mode: 0o755}, tarEntry{name: "bin/writer", mode: 0o755, body: string(program)})...), 0o644)
	}
	for name, dockerfile := range dockerfiles {
		put(name+"/Dockerfile", []byte(dockerfile), 0o644)
		put(name+"/file", []byte("of the context\n"), 0o640)
		put(name+"/dir/inner/script", []byte("#!/bin/sh\necho script\n"), 0o755)
		put(name+"/added.tar", tarOf(t, tarEntry{name: "added/", mode: 0o750, uid: 12}, tarEntry{name: "added/file", mode: 0o4755, uid: 12, gid: 13, body: "added\n"}), 0o644)
	}
	return dir
}

// writerProgram is test/e2e/cmd/writer.
func writerProgram(t *testing.T) []byte {
	t.Helper()
	writer := filepath.Join(t.TempDir(), "writer")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", writer, "./cmd/writer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the writer: %v\n%s", err, said)
	}
	program, err := os.ReadFile(writer)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// tarEntry is a file for an archive: a directory if its name ends in a slash, a link if it has a target.
type tarEntry struct {
	name     string
	mode     int64
	uid, gid int
	body     string
	symlink  string
	hardlink string
}

func tarOf(t *testing.T, entries ...tarEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: e.mode, Uid: e.uid, Gid: e.gid, Size: int64(len(e.body)), ModTime: time.Unix(1e9, 0)}
		switch {
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		case e.symlink != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.symlink
		case e.hardlink != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.hardlink
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// baseTar has the files that the writer changes: a lower layer, below /work/image.
func baseTar(t *testing.T, writer []byte) []byte {
	t.Helper()
	file := func(name string) tarEntry {
		return tarEntry{name: "work/image/" + name, mode: 0o644, body: "of the image: " + name + "\n"}
	}
	dir := func(name string) tarEntry { return tarEntry{name: "work/image/" + name + "/", mode: 0o755} }
	return tarOf(t,
		tarEntry{name: "bin/writer", mode: 0o755, body: string(writer)},
		tarEntry{name: "work/", mode: 0o755}, tarEntry{name: "work/image/", mode: 0o755},
		file("append"), file("chmod"), file("chown"), file("delete"), file("link-to"), file("over"), file("rename"), file("target"), file("to-dir"), file("truncate"),
		tarEntry{name: "work/image/link", symlink: "append"},
		dir("gone"), dir("gone/inner"), file("gone/file"), file("gone/inner/file"),
		dir("mode"), dir("moved"), dir("moved/inner"), file("moved/file"), file("moved/inner/file"),
		dir("opaque"), file("opaque/old"), dir("opaque/inner"), file("opaque/inner/old"),
		dir("to-file"), file("to-file/file"),
	)
}

// loadWrites makes the image of this suite's containers. Files are only copied into it: no runtime takes part.
func (h host) loadWrites() {
	h.t.Helper()
	h.run("docker import " + contextsInHost + "/tmp-absent.tar tmp-absent; DOCKER_BUILDKIT=0 docker build -q -t " + writesImage + " " + contextsInHost + "/base")
}

// registerOthers registers the suite's own runtimes, and makes byDefault dockerd's default runtime.
func (h host) registerOthers(byDefault string) {
	h.t.Helper()
	h.editDaemonJSON(func(doc map[string]any) {
		for name, args := range map[string][]string{sandboxedRuntime: {"--overlay2=root:self"}, cachedRuntime: {"--overlay2=none"}} {
			doc["runtimes"].(map[string]any)[name] = map[string]any{
				"path": store + "/" + newer + "/runsc", "runtimeArgs": append([]string{"--ignore-cgroups"}, args...),
			}
		}
		doc["default-runtime"] = byDefault
	})
	const known = `docker info -f '{{.DefaultRuntime}} {{range $name, $_ := .Runtimes}}{{$name}} {{end}}'`
	h.run("systemctl reload docker; for i in $(seq 600); do case $(" + known + ") in '" + byDefault + " '*" + cachedRuntime + "*) exit 0 ;; esac; sleep 0.1; done; exit 1")
}

func (h host) editDaemonJSON(edit func(map[string]any)) {
	h.t.Helper()
	doc := map[string]any{}
	if err := json.Unmarshal([]byte(h.read(daemonJSON)), &doc); err != nil {
		h.t.Fatal(err)
	}
	edit(doc)
	text, err := json.MarshalIndent(doc, "", "    ")
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.Path(daemonJSON), text, 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// sights are file trees, by the view that showed them.
type sights map[string]fileTree

// writesObserver collects sights from several goroutines.
type writesObserver struct {
	host host
	dockerAPI
	runtime string
	strict  bool // a sight that cannot be taken fails the test

	mu   sync.Mutex
	seen sights
}

// observe records what containers and builds write under a runtime. It must be the default runtime too, because
// the classic builder uses no other.
func (h host) observe(runtime string, strict bool) sights {
	h.t.Helper()
	o := &writesObserver{host: h, dockerAPI: h.dockerAPI(), runtime: runtime, strict: strict, seen: sights{}}
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { o.changed(ctx) })
	all.Go(func() { o.see("the client's output", func() (fileTree, error) { return o.clientsOutput(ctx) }) })
	all.Go(func() { o.builds(ctx) })
	all.Wait()
	return o.seen
}

// see records the result of look, or its error.
func (o *writesObserver) see(name string, look func() (fileTree, error)) {
	seen, err := look()
	if err != nil {
		if o.strict {
			o.host.t.Errorf("%s, %s: %v", o.runtime, name, err)
		}
		seen = fileTree{"error": err.Error()}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[name] = seen
}

// afterwards does something that a later sight depends on.
func afterwards(err error, look func() (fileTree, error)) (fileTree, error) {
	if err != nil {
		return nil, err
	}
	return look()
}

// changed records the sights of one container that changed its file system: running, stopped, and started again.
func (o *writesObserver) changed(ctx context.Context) {
	const dir = "/work"
	id, err := o.create(ctx, o.runtime, writesImage, nil, "writer", "wait", dir)
	if err == nil {
		err = o.start(ctx, id)
	}
	inside := func() (fileTree, error) {
		text, err := o.exec(ctx, id, "writer", "list", dir)
		return linesOf(text), err
	}
	o.see("inside", func() (fileTree, error) {
		if err == nil {
			_, err = o.exec(ctx, id, "writer", "change", dir)
		}
		return afterwards(err, inside)
	})
	fromOutside := func(when string) {
		o.see("cp "+when, func() (fileTree, error) { return o.get(ctx, id, dir) })
		o.see("diff "+when, func() (fileTree, error) { return o.diff(ctx, id) })
		o.see("export "+when, func() (fileTree, error) { return o.export(ctx, id) })
	}
	fromOutside("while it runs")
	o.see("cp of a file that is open", func() (fileTree, error) {
		_, err := o.exec(ctx, id, "writer", "hold", dir)
		return afterwards(err, func() (fileTree, error) { return o.get(ctx, id, dir+"/held") })
	})
	o.see("inside, stopped and started", func() (fileTree, error) {
		err := o.stop(ctx, id)
		fromOutside("of a stopped one")
		o.committed(ctx, id)
		if err == nil {
			err = o.start(ctx, id)
		}
		return afterwards(err, inside)
	})
	o.see("inside, killed and started", func() (fileTree, error) {
		err := o.kill(ctx, id)
		if err == nil {
			err = o.start(ctx, id)
		}
		return afterwards(err, inside)
	})
	o.see("inside, restarted", func() (fileTree, error) { return afterwards(o.restart(ctx, id), inside) })
	if err := o.remove(ctx, id); err != nil {
		o.host.t.Error(err)
	}
}

// committed records the sights of an image made from a container: its files, and what its containers see.
func (o *writesObserver) committed(ctx context.Context, id string) {
	image, err := o.commit(ctx, id)
	o.see("commit", func() (fileTree, error) {
		return afterwards(err, func() (fileTree, error) { return o.image(ctx, image) })
	})
	for name, runtime := range map[string]string{"commit, run by runc": "runc", "commit, run by the same": o.runtime} {
		o.see(name, func() (fileTree, error) {
			id, err := o.create(ctx, runtime, image, nil, "writer", "list", "/work")
			if err != nil {
				return nil, err
			}
			text, err := o.run(ctx, id, nil)
			return linesOf(text), err
		})
	}
}

// clientsOutput does what CinCan's tool does: it creates a container, puts an input file into it, attaches, starts
// it, waits for it, and gets every file that diff names.
func (o *writesObserver) clientsOutput(ctx context.Context) (fileTree, error) {
	random := rand.NewChaCha8([32]byte{7})
	input := make([]byte, 3<<20+777)
	random.Read(input)
	const script = `set -e; mkdir /out; cp /in/sample /out/copy; sha256sum </in/sample >/out/sum; cat >/out/stdin; ln -s copy /out/link; chown 7:8 /out/sum; rm /in/sample; echo done`
	id, err := o.create(ctx, o.runtime, lab.Image, nil, "sh", "-c", script)
	if err != nil {
		return nil, err
	}
	if err := o.put(ctx, id, "/", tarOf(o.host.t, tarEntry{name: "in/", mode: 0o755}, tarEntry{name: "in/sample", mode: 0o644, body: string(input)})); err != nil {
		return nil, err
	}
	said, err := o.run(ctx, id, []byte("through the stream\n"))
	if err != nil || said != "done\n" {
		return nil, fmt.Errorf("got %q, %w", said, err)
	}
	changed, err := o.diff(ctx, id)
	if err != nil {
		return nil, err
	}
	seen := maps.Clone(changed)
	for name := range changed {
		got, err := o.get(ctx, id, name)
		if err != nil {
			return nil, err
		}
		for inner, text := range got {
			seen[name+": "+inner] = text
		}
	}
	// Also without comparing with runc.
	if want := fmt.Sprintf("%x", sha256.Sum256(input)); o.strict && !strings.Contains(seen["/out/copy: copy"], want) {
		return nil, fmt.Errorf("the output file is %q, want the digest %s", seen["/out/copy: copy"], want)
	}
	return seen, o.remove(ctx, id)
}
