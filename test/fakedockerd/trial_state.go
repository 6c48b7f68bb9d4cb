package fakedockerd

import (
	"archive/tar"
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
)

// copyOut answers `docker cp` of a directory: everything below it.
func (f *Trial) copyOut(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("path")
	below := map[string]string{}
	for name, content := range f.Files {
		if rest, ok := strings.CutPrefix(name, asked); ok && (rest == "" || rest[0] == '/') {
			below[path.Base(asked)+rest] = content
		}
	}
	if len(below) == 0 {
		Refuse(w, http.StatusNotFound, "Could not find the file "+asked)
		return
	}
	stat := base64.StdEncoding.EncodeToString([]byte(`{"name":"` + path.Base(asked) + `"}`))
	w.Header().Set("X-Docker-Container-Path-Stat", stat)
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

func (f *Trial) importImage(r *http.Request) {
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
			return // half an archive makes no image
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
	q := r.URL.Query()
	if q.Get("fromSrc") != "-" || q.Get("repo") != f.name || q.Get("changes") != "LABEL "+f.label+"="+f.name {
		f.t.Errorf("import: got %s", r.URL)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Image, f.entries, f.contents = true, entries, contents
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

func (f *Trial) create(r *http.Request) {
	var created map[string]any
	if err := json.NewDecoder(r.Body).Decode(&created); err != nil || r.URL.Query().Get("name") != f.name {
		f.t.Errorf("create: got %s, %v", r.URL, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Container, f.created = true, created
}

func (f *Trial) hijack(w http.ResponseWriter) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		f.t.Error(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	already := io.LimitReader(buffered, int64(buffered.Reader.Buffered()))
	f.attached, f.input = conn, io.MultiReader(already, bufio.NewReader(conn))
	f.t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"+
		"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
}

func (f *Trial) start(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.state.Container { // removed before
		return
	}
	f.running = true
	conn, input := f.attached, f.input
	go func() {
		f.Process(input, Frames{conn, 1}, Frames{conn, 2})
		f.removeContainer(nil)
	}()
}

func (f *Trial) removeContainer(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Container, f.running = false, false
	if f.attached != nil {
		f.attached.Close()
	}
}

func (f *Trial) removeImage(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Container {
		f.t.Error("the image was removed before its container")
	}
	f.state.Image = false
}

func (f *Trial) removeNameless(*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Nameless = false
}

// Frames writes one of dockerd's two streams, each write as a frame.
type Frames struct {
	Conn   io.Writer
	stream byte
}

func (f Frames) Write(p []byte) (int, error) {
	header := [8]byte{f.stream}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	if _, err := f.Conn.Write(append(header[:], p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WellBehaved writes its line and ends when its input ends.
func WellBehaved(stdin io.Reader, stdout, stderr io.Writer) {
	io.WriteString(stdout, "4.19.0-gvisor\n")
	io.Copy(io.Discard, stdin)
}
