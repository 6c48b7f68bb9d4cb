package fakedockerd

import (
	"archive/tar"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

const namelessID = "sha256:44"

// Trial is a Dockerd that stores one image and one container, and removes the
// container when its process ends.
type Trial struct {
	*Dockerd
	// Process stands for the container's process.
	Process func(stdin io.Reader, stdout, stderr io.Writer)
	// Fault, if set, may answer a request in place of the fake, by "METHOD /path",
	// in which ID stands for the container's ID. It may do so before the request
	// takes effect, or after it calls act.
	Fault func(question string, w http.ResponseWriter, r *http.Request, act func()) (answered bool)
	// After, if set, runs when the answer to a request is written.
	After   func(question string)
	Files   map[string]string // what docker cp sees, by path
	Changes string            // what docker diff answers

	id, name, label string
	busy            sync.WaitGroup // answers under way, even without a waiting client

	mu        sync.Mutex
	questions []string
	state     State
	running   bool
	entries   []tar.Header // of the image
	contents  [][]byte
	created   map[string]any
	attached  net.Conn
	input     io.Reader
}

// State says which objects a Trial stores.
type State struct{ Image, Nameless, Container bool }

// NewTrial starts a Trial. Its container gets the id. Its container and image get
// the name, which is also the value of the label.
func NewTrial(t testing.TB, id, name, label string) *Trial {
	t.Helper()
	f := &Trial{Dockerd: New(t, 44, 52), Process: WellBehaved, id: id, name: name, label: label}
	f.AllowChanges = true
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
	f.on("DELETE", "/images/"+f.name, f.removeImage)
	f.on("GET", "/images/json", nil)
	f.on("DELETE", "/images/"+namelessID, f.removeNameless)
	return f
}

// SetState changes the stored objects without a request.
func (f *Trial) SetState(state State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = state
}

// on registers the effect of a request and the answer to it.
func (f *Trial) on(method, path string, act func(*http.Request)) {
	question := method + " " + path
	f.HandleFunc(method+" "+strings.ReplaceAll(path, "ID", f.id), func(w http.ResponseWriter, r *http.Request) {
		f.busy.Add(1)
		defer f.busy.Done()
		f.mu.Lock()
		f.questions = append(f.questions, question)
		f.mu.Unlock()
		acted := act == nil
		do := func() {
			if !acted {
				act(r)
			}
			acted = true
		}
		if f.Fault != nil && f.Fault(question, w, r, do) {
			return
		}
		found := f.has(question)
		do()
		if strings.HasSuffix(question, "/archive") {
			f.copyOut(w, r)
			return
		}
		f.answer(question, w, found)
		if f.After != nil {
			f.After(question)
		}
	})
}

// has reports whether the object of a request exists.
func (f *Trial) has(question string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch question {
	case "DELETE /images/" + f.name:
		return f.state.Image
	case "DELETE /images/" + namelessID, "GET /images/json":
		return f.state.Nameless
	case "DELETE /containers/ID", "GET /containers/ID/json", "GET /containers/json":
		return f.state.Container
	}
	return true
}

func (f *Trial) answer(question string, w http.ResponseWriter, found bool) {
	if !found && !strings.HasSuffix(question, "s/json") {
		Refuse(w, http.StatusNotFound, "no such thing")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch question {
	case "POST /images/create":
		io.WriteString(w, `{"status":"Importing"}`+"\n"+`{"status":"sha256:11"}`+"\n")
	case "POST /containers/create":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"Id":%q}`, f.id)
	case "POST /containers/ID/attach":
		f.hijack(w)
	case "GET /containers/ID/json":
		fmt.Fprintf(w, `{"Id":%q,"Name":"/%s","Image":"sha256:11",
			"State":{"Running":true,"Pid":4711,"StartedAt":"2026-01-02T03:04:05Z"},
			"HostConfig":{"Runtime":"runsc"},"Config":{"Image":%q}}`, f.id, f.name, f.name)
	case "GET /containers/ID/changes":
		io.WriteString(w, f.Changes)
	case "GET /containers/json":
		// A real dockerd may understand the filter differently, so check it.
		list := fmt.Sprintf(`{"Id":%q,"Names":["/my-%s"],"State":"running"}`, strings.Repeat("b", 64), f.name)
		if found {
			list += fmt.Sprintf(`,{"Id":%q,"Names":["/%s"],"State":"running"}`, f.id, f.name)
		}
		io.WriteString(w, "["+list+"]")
	case "GET /images/json":
		// Here too.
		list := fmt.Sprintf(`{"Id":"sha256:22","RepoTags":["mine:1"],"Labels":{%q:%q}},
			{"Id":"sha256:33","RepoTags":["<none>:<none>"]}`, f.label, f.name)
		if found {
			list += fmt.Sprintf(`,{"Id":%q,"RepoTags":[],"Labels":{%q:%q}}`, namelessID, f.label, f.name)
		}
		io.WriteString(w, "["+list+"]")
	case "DELETE /images/" + f.name, "DELETE /images/" + namelessID:
		io.WriteString(w, `[]`)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// RequireNothingLeft fails the test if an image or a container is left.
func (f *Trial) RequireNothingLeft() {
	f.t.Helper()
	f.busy.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Image || f.state.Nameless || f.state.Container || f.running {
		f.t.Errorf("left: %+v, running %t, after %q", f.state, f.running, f.questions)
	}
}

// WasAsked counts the questions of one kind.
func (f *Trial) WasAsked(question string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(f.questions), func(q string) bool { return q != question }))
}

// Questions lists the requests so far, in order.
func (f *Trial) Questions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.questions)
}

// Created is what the container was made of.
func (f *Trial) Created() map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.created
}

// ImageEntries lists the image's entries, in order.
func (f *Trial) ImageEntries() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range f.entries {
		list = append(list, fmt.Sprintf("%d:%d %o %s %s", e.Uid, e.Gid, e.Mode, e.Name, f.contents[i]))
	}
	return list
}
