package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runsc-provisioner/verify"
)

func TestStored(t *testing.T) {
	f := newFakeDockerd(t, 24, 45)
	idB, idC, idD := strings.Repeat("b", 64), strings.Repeat("c", 64), strings.Repeat("d", 64)
	var query string
	f.HandleFunc("/containers/json", func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		w.Write([]byte(`[{"Id":"` + idC + `","Names":["/new"],"SizeRw":5},{"Id":"` + idB + `","Names":["/bad"]},{"Id":"` + idD + `","Names":["/gone"]},{"Id":"` + idA + `","Names":["/old"]}]`))
	})
	inspected := func(id, name, more string) {
		f.AnswerText("/containers/"+id+"/json", `{"Id":"`+id+`","Name":"/`+name+`","State":{"Status":"exited"},"HostConfig":{"Runtime":"runc"`+more+`,"Config":{}}`)
	}
	inspected(idA, "old", `,"NetworkMode":"none"},"NetworkSettings":{"Networks":{"none":{}}}`)
	f.AnswerText("/containers/"+idB+"/json", `{"Id":"`+idA+`"}`)
	inspected(idC, "new", `,"NetworkMode":"default"},"GraphDriver":{"Name":"overlay2","Data":{"UpperDir":"/u","LowerDir":"/l:/m"}},"NetworkSettings":{"Networks":{"bridge":{},"web":{"x":1},"app":null}}`)

	all := []StoredContainer{
		{Container: verify.Container{ID: idB, Name: "bad"}},
		{Container: verify.Container{ID: idC, Name: "new", Runtime: "runc", Network: "app"}, State: "exited", Bytes: 5, Upper: "/u", Lower: "/l:/m"},
		{Container: verify.Container{ID: idA, Name: "old", Runtime: "runc", NoNetwork: true}, State: "exited"},
	}
	for _, tt := range []struct {
		most    int
		sized   bool
		partial bool
		query   string
		want    []StoredContainer
	}{
		{4, true, false, "all=1&size=1", all},
		{3, false, true, "all=1", all[:2]},
	} {
		got, partial, err := f.open().Stored(t.Context(), tt.most, tt.sized)
		if err != nil || partial != tt.partial || query != tt.query {
			t.Errorf("%d: got partial %t, %q, %v, want %t, %q", tt.most, partial, query, err, tt.partial, tt.query)
		}
		if len(got) == 0 || got[0].Unread == nil {
			t.Fatalf("got %+v, want the first one unread", got)
		}
		got[0].Unread = nil
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d: -want +got:\n%s", tt.most, diff)
		}
	}

	// What a switch of the data root hides must be complete.
	f.AnswerText("/images/json", "[]")
	if _, err := f.open().Data(t.Context()); err == nil || !strings.Contains(err.Error(), "inspect container "+idB) {
		t.Errorf("Data: got %v, want the container that could not be read", err)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := f.open().Stored(ended, 4, false); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: got %v", err)
	}
}
