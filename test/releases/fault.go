package releases

import (
	"net/http"
	"strings"
)

// OtherHost is where the fault redirect-other leads: the same server, port and
// path under another name. The test must make it resolvable.
const OtherHost = "other.lab"

// A Fault is one way to misbehave.
type Fault struct {
	Name       string
	Doc        string // what a client sees
	Everywhere bool   // also for a path that is not in the tree
	serve      func(w http.ResponseWriter, r *http.Request, f file)
}

// Faults lists all faults. An artifact is any file except a .sha512.
func Faults() []Fault {
	return []Fault{
		{"html404", "404 with a page of HTML", true, page(http.StatusNotFound)},
		{"html403", "403 with a page of HTML", true, page(http.StatusForbidden)},
		{"html200", "200 with a page of HTML, as a captive portal answers", true, page(http.StatusOK)},
		{"500", "500 always", true, status(http.StatusInternalServerError, "")},
		{"503", "503 always, Retry-After: 1", true, status(http.StatusServiceUnavailable, "1")},
		{"429", "429 always, Retry-After: 1", true, status(http.StatusTooManyRequests, "1")},
		{"429-day", "429 always, Retry-After of one day", true, status(http.StatusTooManyRequests, "86400")},
		{"reset", "artifacts: half the body, then a TCP reset, every time", false, artifacts(reset)},
		{"cut", "artifacts: all announced, half of it sent, then closed; a Range request is served correctly", false, artifacts(cut)},
		{"short", "artifacts: all announced, half of it sent, then closed, every time; Range is ignored", false, artifacts(short)},
		{"norange", "Range is ignored: 200 and the whole file", false, withoutRange},
		{"long", "artifacts: no length announced, zeros after the end up to 600 MiB", false, artifacts(long)},
		{"huge", "artifacts: 600 MiB announced and sent", false, artifacts(huge)},
		{"slow", "artifacts: one byte per second", false, artifacts(slow)},
		{"trickle", "artifacts: 5000 bytes per second", false, artifacts(trickle)},
		{"redirect-http", "302 to the same path over http", true, redirect("http", "")},
		{"redirect-loop", "302 to itself", true, redirect("https", "")},
		{"redirect-other", "302 to the same path, served correctly, on " + OtherHost, true, redirect("https", OtherHost)},
		{"bitflip", "artifacts: one bit differs in the middle", false, artifacts(bitflip)},
		{"badsum-empty", "digest files are empty", false, sums(func(string, string) string { return "" })},
		{"badsum-malformed", "digest files hold a digest that is one digit short", false,
			sums(func(sum, name string) string { return sum[1:] + "  " + name + "\n" })},
		{"badsum-othername", "digest files name another file", false,
			sums(func(sum, name string) string { return sum + "  other-" + name + "\n" })},
		{"badsum-wrong", "digest files have a well-formed digest of another file", false,
			sums(func(sum, name string) string { return strings.Repeat("0", len(sum)) + "  " + name + "\n" })},
	}
}
