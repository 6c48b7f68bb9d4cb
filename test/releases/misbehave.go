package releases

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"time"
)

// capExceeded is more than the product accepts for any artifact (512 MiB).
const capExceeded = 600 << 20

type serve = func(w http.ResponseWriter, r *http.Request, f file)

// artifacts limits a fault to artifacts; digest files are served correctly.
func artifacts(bad serve) serve {
	return func(w http.ResponseWriter, r *http.Request, f file) {
		if f.isSum() {
			serveFile(w, r, f)
			return
		}
		bad(w, r, f)
	}
}

// sums serves digest files with another text, made from the right digest and
// name.
func sums(text func(sum, name string) string) serve {
	return func(w http.ResponseWriter, r *http.Request, f file) {
		if !f.isSum() {
			serveFile(w, r, f)
			return
		}
		right, err := io.ReadAll(io.LimitReader(f.content, 1<<10))
		fields := strings.Fields(string(right))
		if err != nil || len(fields) != 2 {
			http.Error(w, fmt.Sprintf("digest file of the tree: %q, %v", right, err), http.StatusNotImplemented)
			return
		}
		_, _ = io.WriteString(w, text(fields[0], fields[1]))
	}
}

func page(code int) serve {
	return func(w http.ResponseWriter, _ *http.Request, _ file) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<!doctype html><html><head><title>Welcome</title></head><body><h1>Please sign in to use this network</h1></body></html>\n")
	}
}

func status(code int, retryAfter string) serve {
	return func(w http.ResponseWriter, _ *http.Request, _ file) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, http.StatusText(code), code)
	}
}

func redirect(scheme, host string) serve {
	return func(w http.ResponseWriter, r *http.Request, _ file) {
		to := *r.URL
		to.Scheme, to.Host = scheme, r.Host
		if host != "" {
			to.Host = host
			if _, port, err := net.SplitHostPort(r.Host); err == nil {
				to.Host = net.JoinHostPort(host, port)
			}
			// Served correctly there, so that a client that allows the host
			// succeeds.
			_, file, _ := parse(r.URL.Path)
			to.Path = path.Join(Prefix, file)
		}
		http.Redirect(w, r, to.String(), http.StatusFound)
	}
}

// half announces the whole file and sends the first half of it.
func half(w http.ResponseWriter, f file) {
	header(w, f)
	w.Header().Set("Content-Length", fmt.Sprint(f.size))
	_, _ = io.CopyN(w, f.content, f.size/2)
	_ = http.NewResponseController(w).Flush()
}

func cut(w http.ResponseWriter, r *http.Request, f file) {
	if r.Header.Get("Range") != "" {
		serveFile(w, r, f)
		return
	}
	w.Header().Set("Accept-Ranges", "bytes")
	short(w, r, f)
}

func short(w http.ResponseWriter, _ *http.Request, f file) {
	half(w, f)
	panic(http.ErrAbortHandler) // closes the connection, as net/http documents
}

func reset(w http.ResponseWriter, _ *http.Request, f file) {
	half(w, f)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	under := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		under = t.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing then sends RST (tcp(7))
	}
	_ = under.Close() // not conn: TLS would send close_notify first
}

func withoutRange(w http.ResponseWriter, r *http.Request, f file) {
	header(w, f)
	w.Header().Set("Accept-Ranges", "none")
	w.Header().Set("Content-Length", fmt.Sprint(f.size))
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, f.content)
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func long(w http.ResponseWriter, _ *http.Request, f file) {
	header(w, f)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // no length: chunked
	_, _ = io.CopyN(w, io.MultiReader(f.content, zeros{}), capExceeded)
}

func huge(w http.ResponseWriter, r *http.Request, f file) {
	header(w, f)
	w.Header().Set("Content-Length", fmt.Sprint(int64(capExceeded)))
	if r.Method != http.MethodHead {
		_, _ = io.CopyN(w, io.MultiReader(f.content, zeros{}), capExceeded)
	}
}

func slow(w http.ResponseWriter, r *http.Request, f file) { paced(w, r, f, 1, time.Second) }

// trickle sends just above the lowest rate that the product accepts (4 KiB per
// second), so a release takes hours.
func trickle(w http.ResponseWriter, r *http.Request, f file) {
	paced(w, r, f, 500, 100*time.Millisecond)
}

// paced sends the given number of bytes in each period.
func paced(w http.ResponseWriter, r *http.Request, f file, bytes int64, period time.Duration) {
	header(w, f)
	w.Header().Set("Content-Length", fmt.Sprint(f.size))
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if _, err := io.CopyN(w, f.content, bytes); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// flipped flips one bit of the wrapped reader, at one offset.
type flipped struct {
	io.ReadSeeker
	at, pos int64
}

func (b *flipped) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if i := b.at - b.pos; i >= 0 && i < int64(n) {
		p[i] ^= 1
	}
	b.pos += int64(n)
	return n, err
}

func (b *flipped) Seek(offset int64, whence int) (int64, error) {
	pos, err := b.ReadSeeker.Seek(offset, whence)
	if err == nil {
		b.pos = pos
	}
	return pos, err
}

func bitflip(w http.ResponseWriter, r *http.Request, f file) {
	header(w, f)
	http.ServeContent(w, r, "", f.modTime, &flipped{ReadSeeker: f.content, at: f.size / 2})
}
