// Package releases serves a directory laid out as gVisor's bucket, correctly or
// with a fault. Only the path of a request selects the fault, so faults are
// stateless and tests run side by side:
//
//	/gvisor/releases/PATH             the file, as the bucket serves it
//	/fault-NAME/gvisor/releases/PATH  the same, with the fault NAME
//
// It never writes, and serves nothing from outside the directory.
package releases

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Prefix is the path of the tree's root, as in the real bucket's URLs.
const Prefix = "/gvisor/releases"

// URL returns the release url for a fault, or without one if fault is empty, on
// the server at base (`https://127.0.0.1:1234`).
func URL(base, fault string) string {
	if fault == "" {
		return base + Prefix
	}
	return base + "/fault-" + fault + Prefix
}

// Handler serves the tree in dir, which has `release/`, `nightly/` and so on.
func Handler(dir string) http.Handler {
	faults := map[string]Fault{"": {serve: serveFile}}
	for _, f := range Faults() {
		faults[f.Name] = f
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, path, ok := parse(r.URL.Path)
		fault, known := faults[name]
		if !ok || !known {
			http.Error(w, "no such fault or path; want "+URL("", "NAME")+"/PATH", http.StatusNotImplemented)
			return
		}
		f, err := open(dir, path)
		if err != nil && !fault.Everywhere {
			notFound(w, path)
			return
		}
		if err == nil {
			defer f.content.Close()
		}
		fault.serve(w, r, f)
	})
}

// parse splits a URL's path into the fault's name and the path in the tree.
func parse(path string) (fault, file string, ok bool) {
	if rest, is := strings.CutPrefix(path, "/fault-"); is {
		fault, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	file, ok = strings.CutPrefix(path, Prefix+"/")
	return fault, file, ok
}

// file is one file of the tree.
type file struct {
	name    string // base name
	size    int64
	modTime time.Time
	content io.ReadSeekCloser
}

// isSum reports whether the file is a digest file.
func (f file) isSum() bool { return strings.HasSuffix(f.name, ".sha512") }

func open(dir, path string) (file, error) {
	// os.Root keeps symlinks and dots from leading out of the tree.
	f, err := os.OpenInRoot(dir, path)
	if err != nil {
		return file{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return file{}, err
	}
	return file{name: info.Name(), size: info.Size(), modTime: info.ModTime(), content: f}, nil
}

// serveFile answers like the bucket, with Range and an ETag.
func serveFile(w http.ResponseWriter, r *http.Request, f file) {
	header(w, f)
	http.ServeContent(w, r, "", f.modTime, f.content)
}

func header(w http.ResponseWriter, f file) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, f.size, f.modTime.UnixNano()))
}

// notFound answers like the bucket, with a body of XML that installers have
// taken for a binary.
func notFound(w http.ResponseWriter, path string) {
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code>"+
		"<Message>The specified key does not exist.</Message><Details>No such object: gvisor/releases/%s</Details></Error>",
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(path))
}
