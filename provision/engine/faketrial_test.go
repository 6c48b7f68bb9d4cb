package engine

import (
	"archive/tar"
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	ownName    = TrialPrefix + "abc123"
	namelessID = "sha256:44"
)

// A fakeTrialDockerd is a fakeDockerd that stores one image and one container,
// and removes the container when its process ends.
type fakeTrialDockerd struct {
	*fakeDockerd
	process func(stdin io.Reader, stdout, stderr io.Writer)
	// fault may answer a request in place of the fake, by "METHOD /path", in
	// which ID stands for the container's ID. It may do so before the request
	// takes effect, or after it (done is true).
	fault func(question string, w http.ResponseWriter, r *http.Request, act func()) (answered bool)

	busy sync.WaitGroup // answers under way, even without a waiting client

	mu        sync.Mutex
	asked     []string
	image     bool
	nameless  bool // an image without a name
	container bool
	running   bool
	entries   []tar.Header // of the image
	contents  [][]byte
	files     map[string]string // what docker cp sees, by path
	changes   string            // what docker diff answers
	created   map[string]any
	attached  net.Conn
	input     io.Reader
}

func newFakeTrialDockerd(t *testing.T) *fakeTrialDockerd {
	f := &fakeTrialDockerd{fakeDockerd: newFakeDockerd(t, 44, 52), process: wellBehaved}
	f.acts = true
	f.on("POST", "/images/create", f.importImage)
	f.on("POST", "/containers/create", f.create)
	f.on("POST", "/containers/ID/attach", nil)
	f.on("POST", "/containers/ID/start", f.start)
	f.on("GET", "/containers/ID/json", nil)
	f.on("GET", "/containers/json", nil)
	f.on("GET", "/containers/ID/changes", nil)
	f.on("GET", "/containers/ID/archive", nil)
	f.on("HEAD", "/containers/ID/archive", nil)
	f.on("DELETE", "/containers/ID", f.removeContainer)
	f.on("DELETE", "/images/"+ownName, f.removeImage)
	f.on("GET", "/images/json", nil)
	f.on("DELETE", "/images/"+namelessID, f.removeNameless)
	return f
}

// on registers the effect of a request and the answer to it.
func (f *fakeTrialDockerd) on(method, path string, act func(*http.Request)) {
	question := method + " " + path
	f.HandleFunc(method+" "+strings.ReplaceAll(path, "ID", idA), func(w http.ResponseWriter, r *http.Request) {
		f.busy.Add(1)
		defer f.busy.Done()
		f.mu.Lock()
		f.asked = append(f.asked, question)
		f.mu.Unlock()
		acted := act == nil
		do := func() {
			if !acted {
				act(r)
			}
			acted = true
		}
		if f.fault != nil && f.fault(question, w, r, do) {
			return
		}
		found := f.has(question)
		do()
		if strings.HasSuffix(question, "/archive") {
			f.copyOut(w, r)
			return
		}
		f.answer(question, w, found)
	})
}

// has reports whether the object of a request exists.
func (f *fakeTrialDockerd) has(question string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch question {
	case "DELETE /images/" + ownName:
		return f.image
	case "DELETE /images/" + namelessID, "GET /images/json":
		return f.nameless
	case "DELETE /containers/ID", "GET /containers/ID/json", "GET /containers/json":
		return f.container
	}
	return true
}

func (f *fakeTrialDockerd) answer(question string, w http.ResponseWriter, found bool) {
	if !found && !strings.HasSuffix(question, "s/json") {
		refuse(w, http.StatusNotFound, "no such thing")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch question {
	case "POST /images/create":
		io.WriteString(w, `{"status":"Importing"}`+"\n"+`{"status":"sha256:11"}`+"\n")
	case "POST /containers/create":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"Id":%q}`, idA)
	case "POST /containers/ID/attach":
		f.hijack(w)
	case "GET /containers/ID/json":
		fmt.Fprintf(w, `{"Id":%q,"Name":"/%s","Image":"sha256:11","State":{"Running":true,"Pid":4711,"StartedAt":"2026-01-02T03:04:05Z"},
			"HostConfig":{"Runtime":"runsc"},"Config":{"Image":%q}}`, idA, ownName, ownName)
	case "GET /containers/ID/changes":
		io.WriteString(w, f.changes)
	case "GET /containers/json":
		// A real dockerd may understand the filter differently, so check it.
		list := fmt.Sprintf(`{"Id":%q,"Names":["/my-%s"],"State":"running"}`, strings.Repeat("b", 64), ownName)
		if found {
			list += fmt.Sprintf(`,{"Id":%q,"Names":["/%s"],"State":"running"}`, idA, ownName)
		}
		io.WriteString(w, "["+list+"]")
	case "GET /images/json":
		// Here too.
		list := fmt.Sprintf(`{"Id":"sha256:22","RepoTags":["mine:1"],"Labels":{%q:%q}},{"Id":"sha256:33","RepoTags":["<none>:<none>"]}`, trialLabel, ownName)
		if found {
			list += fmt.Sprintf(`,{"Id":%q,"RepoTags":[],"Labels":{%q:%q}}`, namelessID, trialLabel, ownName)
		}
		io.WriteString(w, "["+list+"]")
	case "DELETE /images/" + ownName, "DELETE /images/" + namelessID:
		io.WriteString(w, `[]`)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// copyOut answers `docker cp` of a directory: everything below it.
func (f *fakeTrialDockerd) copyOut(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("path")
	below := map[string]string{}
	for name, content := range f.files {
		if rest, ok := strings.CutPrefix(name, asked); ok && (rest == "" || rest[0] == '/') {
			below[path.Base(asked)+rest] = content
		}
	}
	if len(below) == 0 {
		refuse(w, http.StatusNotFound, "Could not find the file "+asked)
		return
	}
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(`{"name":"`+path.Base(asked)+`"}`)))
	if r.Method == http.MethodHead {
		return
	}
	archive := tar.NewWriter(w)
	archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path.Base(asked) + "/", Mode: 0o755})
	for name, content := range below {
		archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content))})
		io.WriteString(archive, content)
	}
	archive.Close()
}

func (f *fakeTrialDockerd) importImage(r *http.Request) {
	body := &counted{Reader: r.Body}
	archive := tar.NewReader(body)
	want := 2 * 512
	var (
		entries  []tar.Header
		contents [][]byte
	)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return // of half an archive nothing is made
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return
		}
		entries, contents = append(entries, *header), append(contents, content)
		want += 512 + (len(content)+511)/512*512
	}
	if body.n != want {
		f.t.Errorf("archive: got %d bytes, want %d with two empty blocks at the end", body.n, want)
	}
	if q := r.URL.Query(); q.Get("fromSrc") != "-" || q.Get("repo") != ownName || q.Get("changes") != "LABEL "+trialLabel+"="+ownName {
		f.t.Errorf("import: got %s", r.URL)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.image, f.entries, f.contents = true, entries, contents
}

// archived lists the image's entries, in order.
func (f *fakeTrialDockerd) archived() (list []string) {
	for i, e := range f.entries {
		list = append(list, fmt.Sprintf("%d:%d %o %s %s", e.Uid, e.Gid, e.Mode, e.Name, f.contents[i]))
	}
	return list
}

type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func (f *fakeTrialDockerd) create(r *http.Request) {
	var created map[string]any
	if err := json.NewDecoder(r.Body).Decode(&created); err != nil || r.URL.Query().Get("name") != ownName {
		f.t.Errorf("create: got %s, %v", r.URL, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.container, f.created = true, created
}

func (f *fakeTrialDockerd) hijack(w http.ResponseWriter) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		f.t.Error(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached, f.input = conn, io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), bufio.NewReader(conn))
	f.t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
}

func (f *fakeTrialDockerd) start(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.container { // removed before
		return
	}
	f.running = true
	conn, input := f.attached, f.input
	go func() {
		f.process(input, frames{conn, 1}, frames{conn, 2})
		f.removeContainer(nil)
	}()
}

func (f *fakeTrialDockerd) removeContainer(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.container, f.running = false, false
	if f.attached != nil {
		f.attached.Close()
	}
}

func (f *fakeTrialDockerd) removeImage(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.container {
		f.t.Error("the image was removed before its container")
	}
	f.image = false
}

func (f *fakeTrialDockerd) removeNameless(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nameless = false
}

func (f *fakeTrialDockerd) nothingLeft() {
	f.t.Helper()
	f.busy.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.image || f.nameless || f.container || f.running {
		f.t.Errorf("left: image %t, one without a name %t, container %t, running %t, after %q", f.image, f.nameless, f.container, f.running, f.asked)
	}
}

// wasAsked counts the requests of one kind.
func (f *fakeTrialDockerd) wasAsked(question string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(f.asked), func(q string) bool { return q != question }))
}

// frames writes one of dockerd's two streams, each write as a frame.
type frames struct {
	conn   io.Writer
	stream byte
}

func (f frames) Write(p []byte) (int, error) {
	header := [8]byte{f.stream}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	if _, err := f.conn.Write(append(header[:], p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func wellBehaved(stdin io.Reader, stdout, stderr io.Writer) {
	io.WriteString(stdout, "4.19.0-gvisor\n")
	io.Copy(io.Discard, stdin)
}

// ownSpec returns a TrialSpec with an init of a few bytes.
func ownSpec(t *testing.T) TrialSpec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(path, []byte("\x7fELF and so on"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	return TrialSpec{Name: ownName, Runtime: "runsc", Init: path, Args: []string{"proof-init"}}
}
