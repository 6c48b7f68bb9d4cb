package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/verify"
)

var idA = strings.Repeat("a", 64)

func TestContainers(t *testing.T) {
	web := verify.Container{
		ID: idA, Name: "web", Image: "busybox", ImageID: "sha256:1111", Runtime: "runsc", PID: 4711,
	}
	web.Created = time.Date(2026, 1, 2, 3, 4, 5, 1, time.UTC)
	bridged, open := web, web
	open.HostNamespaces, open.SecurityOpt, open.Labels = []string{"network", "pid"}, []string{"label=disable"}, map[string]string{"a": "b"}
	bridged.MaskedPaths, bridged.ReadonlyPaths = []string{"/proc/kcore"}, []string{"/proc/bus"}
	bridged.Labels = map[string]string{}
	unlabelled, cut, again := bridged, bridged, bridged
	again.PID, again.Restarting = 0, true
	unlabelled.Labels, unlabelled.LabelsCut = nil, true
	cut.Labels, cut.LabelsCut, cut.Image = nil, true, ""
	open.Privileged, open.UsernsMode = true, "host"

	tests := []struct {
		situation string
		dir       string
		min, max  int
		replace   []string // in the inspection
		want      []verify.Container
		unread    string
	}{
		{situation: "20.10", dir: "api-1.41", min: 12, max: 41, want: []verify.Container{open}},
		{situation: "29", dir: "api-1.52", min: 44, max: 52, want: []verify.Container{bridged}},
		{situation: "published on an invalid address", dir: "api-1.41", min: 12, max: 41,
			replace: []string{`{"HostIp":"","HostPort":"8080"}`, `{"HostIp":"localhost","HostPort":"8080"}`, `"Dns":[]`, `"Dns":["010.0.0.1"]`}, want: []verify.Container{open}},
		{situation: "ended after it was listed", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Running":true`, `"Running":false`, `"Pid":4711`, `"Pid":0`}, want: []verify.Container{}},
		{situation: "not running, process not forgotten yet", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Running":true`, `"Running":false`}, want: []verify.Container{}},
		{situation: "no process", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Pid":4711`, `"Pid":0`}, want: []verify.Container{}},
		{situation: "restarting, no process", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Restarting":false`, `"Restarting":true`, `"Pid":4711`, `"Pid":0`}, want: []verify.Container{again}},
		{situation: "paused", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Status":"running"`, `"Status":"paused"`, `"Paused":false`, `"Paused":true`}, want: []verify.Container{bridged}},
		{situation: "answer about another container", dir: "api-1.52", min: 44, max: 52,
			replace: []string{`"Id":"` + idA, `"Id":"` + strings.Repeat("b", 64)}, unread: "not about this container"},
		{situation: "no JSON", dir: "api-1.52", min: 44, max: 52, replace: []string{`"State":`, `"State"`}, unread: "colon after object key"},
		{situation: "no object", dir: "api-1.52", min: 44, max: 52, replace: []string{`{"Id":`, `[{"Id":`}, unread: "not an object"},
		{situation: "of another type", dir: "api-1.52", min: 44, max: 52, replace: []string{`"Pid":4711`, `"Pid":"x"`}, unread: "cannot unmarshal"},
		{situation: "more labels than are read", dir: "api-1.52", min: 44, max: 52, replace: []string{`"Labels":{}`, `"Labels":{"a":"` + strings.Repeat("x", maxLabels) + `"}`}, want: []verify.Container{unlabelled}},
		{situation: "longer than an answer may be, by labels", dir: "api-1.52", min: 44, max: 52, replace: []string{`"Labels":{}`, `"Labels":{"a":"` + strings.Repeat("x", maxAnswer) + `"}`}, want: []verify.Container{cut}},
		{situation: "longer than an answer may be, before it says how it runs", dir: "api-1.52", min: 44, max: 52, replace: []string{`"State":`, `"X":"` + strings.Repeat("x", maxAnswer) + `","State":`}, unread: errTooLarge.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, tt.min, tt.max)
			f.recorded("/containers/json", tt.dir+"/containers.json")
			f.recorded("/containers/"+idA+"/json", tt.dir+"/inspect.json", tt.replace...)
			got, err := f.open().Containers(t.Context())
			if tt.unread != "" {
				if err != nil || len(got) != 1 || got[0].Unread == nil || !strings.Contains(got[0].Unread.Error(), tt.unread) {
					t.Fatalf("got %+v, %v, want one that is unread because of %q", got, err, tt.unread)
				}
				got[0].Unread, tt.want = nil, []verify.Container{{ID: idA, Name: "web"}}
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

// manyContainers makes the fake list n containers and answers their inspections
// with answer.
func manyContainers(f *fakeDockerd, n int, answer func(w http.ResponseWriter, id string)) {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, `,{"Id":"%064x","Names":["/n%x"]}`, n-i, n-i)
	}
	f.AnswerText("/containers/json", "["+strings.TrimPrefix(list.String(), ",")+"]")
	f.HandleFunc("/containers/{id}/json", func(w http.ResponseWriter, r *http.Request) { answer(w, r.PathValue("id")) })
}

func writeInspection(w http.ResponseWriter, id string) {
	fmt.Fprintf(w, `{"Id":%q,"Name":"/n","Image":"i","State":{"Running":true,"Pid":1,"StartedAt":"2026-01-02T03:04:05Z"},"HostConfig":{},"Config":{}}`, id)
}

func TestManyContainersAreInspectedAFewAtATime(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	c := f.open()
	const n = 200
	var now, most atomic.Int32
	var once sync.Once
	together := make(chan struct{}) // closed when as many as are allowed were seen at once
	manyContainers(f, n, func(w http.ResponseWriter, id string) {
		count := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); count > old && !most.CompareAndSwap(old, count); old = most.Load() {
		}
		if count == inspectors {
			once.Do(func() {
				for range 100 { // time for more to come, if they do
					if err := ping(t.Context(), c); err != nil {
						t.Error(err)
					}
				}
				close(together)
			})
		}
		<-together
		writeInspection(w, id)
	})
	got, err := c.Containers(t.Context())
	if err != nil || len(got) != n {
		t.Fatalf("got %d containers, %v, want %d", len(got), err, n)
	}
	if most.Load() != inspectors {
		t.Errorf("got %d at once, want %d", most.Load(), inspectors)
	}
}

func TestContainerThatDisappearsIsNoError(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	manyContainers(f, 20, func(w http.ResponseWriter, id string) {
		if strings.HasSuffix(id, "7") {
			fakedockerd.Refuse(w, http.StatusNotFound, "No such container: "+id)
			return
		}
		writeInspection(w, id)
	})
	got, err := f.open().Containers(t.Context())
	if err != nil || len(got) != 19 {
		t.Fatalf("got %d containers, %v, want the other 19", len(got), err)
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].ID >= got[i].ID {
			t.Errorf("got %s before %s, want them by ID", got[i-1].ID, got[i].ID)
		}
	}
}

// A container that dockerd gives no usable answer about must not hide the others.
func TestFault_V09_ContainerThatCannotBeReadHidesNoOther(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	manyContainers(f, 50, func(w http.ResponseWriter, id string) {
		switch {
		case strings.HasSuffix(id, "7"):
			fakedockerd.Refuse(w, http.StatusInternalServerError, "layer is broken")
		case strings.HasSuffix(id, "8"):
			io.WriteString(w, `{"Name":"`+strings.Repeat("x", maxAnswer)+`"}`)
		default:
			writeInspection(w, id)
		}
	})
	got, err := f.open().Containers(t.Context())
	unread := map[string]int{}
	for _, one := range got {
		if one.Unread != nil {
			unread[one.Unread.Error()]++
		}
	}
	want := map[string]int{`500 Internal Server Error: {"message":"layer is broken"}`: 3, errTooLarge.Error(): 3} // of 50 IDs in hex
	if err != nil || len(got) != 50 || !reflect.DeepEqual(unread, want) {
		t.Errorf("got %d containers, %v, unread %v, want 50 and %v", len(got), err, unread, want)
	}
	id := fmt.Sprintf("%064x", 7)
	if some, err := f.open().Inspect(t.Context(), []string{id}); err != nil || len(some) != 1 || some[0].Unread == nil || some[0].Name != "n7" {
		t.Errorf("by its ID: got %+v, %v, want one called n7 that is unread", some, err)
	}
	if some, err := f.open().Inspect(t.Context(), []string{fmt.Sprintf("%064x", 0x77)}); err != nil || len(some) != 0 {
		t.Errorf("by the ID of one that does not run: got %+v, %v, want none", some, err)
	}
}

// A dockerd that stops is an error, not an unreadable container.
func TestFault_E02_DockerdThatGoesAwayIsAnError(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	ctx, cancel := context.WithCancel(t.Context())
	manyContainers(f, 3, func(w http.ResponseWriter, id string) {
		cancel()
		<-ctx.Done()
		writeInspection(w, id)
	})
	if got, err := f.open().Containers(ctx); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("in the end of the context: got %+v, %v, want %v", got, err, context.Canceled)
	}
	hung := newFakeDockerd(t, 44, 52)
	manyContainers(hung, 3, func(w http.ResponseWriter, id string) { panic(http.ErrAbortHandler) })
	if got, err := hung.open().Containers(t.Context()); err == nil || got != nil {
		t.Errorf("without an answer: got %+v, %v, want an error", got, err)
	}
}

func TestListsThatAreRefused(t *testing.T) {
	tests := []struct {
		situation, list, want string
	}{
		{"an ID that is a path", `[{"Id":"../../etc"}]`, "not 64 hex digits"},
		{"no ID", `[{}]`, "not 64 hex digits"},
		{"more than the limit", "[" + strings.Repeat(`{},`, maxContainers) + "{}]", "limit of"},
		{"not a list", `{"message":"?"}`, "not a list"},
		{"an entry that is not an object", `[7]`, "cannot unmarshal"},
		{"nothing", "", "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, 44, 52)
			f.AnswerText("/containers/json", tt.list)
			if _, err := f.open().Containers(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestNoContainers(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	f.AnswerText("/containers/json", `[]`)
	if got, err := f.open().Containers(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want none", got, err)
	}
}
