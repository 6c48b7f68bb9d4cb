package engine

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/verify"
)

// The settings that lead around a sandbox are spread over an answer.
const askedMuch = `{"Id":"ID","Name":"/web","Image":"sha256:1","Created":"x","State":{"Running":RUNNING,"Pid":7,"StartedAt":"2026-01-02T03:04:05Z"},
"HostConfig":{"Runtime":"runc","NetworkMode":"container:db","PidMode":"host","IpcMode":"container:db","MaskedPaths":[],"ReadonlyPaths":["/proc/sys"],
"Devices":[{"PathOnHost":"/dev/a","PathInContainer":"/dev/b"}],"DeviceCgroupRules":["a *:* rwm"],
"DeviceRequests":[{"Driver":"","Count":-1},{"Driver":"nvidia","Count":2},{"Driver":"nvidia","DeviceIDs":["0","1"]},{"Driver":"cdi","DeviceIDs":["vendor.com/gpu=0"]}],
"Mounts":[{"Type":"volume","Target":"/d","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"o":"bind"}}}},{"Type":"volume","Target":"/e","VolumeOptions":null}]},
"Mounts":[{"Type":"volume","Name":"v","Driver":"local","Destination":"/d","RW":true},{"Type":"volume","Name":"w","Driver":"local","Destination":"/e"},
{"Type":"volume","Name":"x","Driver":"other","Destination":"/f"},{"Type":"bind","Source":"/s","Destination":"/t","RW":true}],"Config":{"Image":"i"}}`

func TestWhatAContainerAskedFor(t *testing.T) {
	want := verify.Container{
		ID: idA, Name: "web", Image: "i", ImageID: "sha256:1", Runtime: "runc",
		HostNamespaces: []string{"pid"}, Joins: []verify.Join{{Kind: "network", Container: "db"}, {Kind: "ipc", Container: "db"}}, MaskedPaths: []string{}, ReadonlyPaths: []string{"/proc/sys"},
		Devices: []verify.HostDevice{{Source: "/dev/a", Destination: "/dev/b"}}, DeviceRules: []string{"a *:* rwm"}, DeviceRequests: []string{"--gpus all", "--gpus 2", "--gpus device=0,1", "--device=vendor.com/gpu=0"},
		Mounts:  []verify.HostMount{{Source: "/s", Destination: "/t", Writable: true}},
		Volumes: []verify.Volume{{Name: "v", Destination: "/d", Writable: true, Options: map[string]string{"o": "bind"}}, {Name: "w", Destination: "/e"}},
	}
	f := newFakeDockerd(t, 44, 52)
	text := strings.ReplaceAll(askedMuch, `"ID"`, `"`+idA+`"`)
	f.AnswerText("/containers/"+idA+"/json", strings.ReplaceAll(text, "RUNNING", "true"))
	f.AnswerText("/containers/web/json", strings.ReplaceAll(text, "RUNNING", "false"))
	f.AnswerText("/containers/odd/json", `{}`)
	f.HandleFunc("/containers/gone/json", func(w http.ResponseWriter, r *http.Request) {
		fakedockerd.Refuse(w, http.StatusNotFound, "No such container")
	})
	if got, found, err := f.open().Requested(t.Context(), "web"); err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("one that does not run:\ngot  %+v, %v, %v\nwant %+v", got, found, err, want)
	}
	want.PID = 7
	if got, err := f.open().Inspect(t.Context(), []string{idA}); err != nil || !reflect.DeepEqual(got, []verify.Container{want}) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if _, found, err := f.open().Requested(t.Context(), "gone"); found || err != nil {
		t.Errorf("one that is gone: got %v, %v, want false and no error", found, err)
	}
	if _, found, err := f.open().Requested(t.Context(), "odd"); found || err == nil {
		t.Errorf("no container: got %v, %v, want an error", found, err)
	}
}

func TestVolumeOptions(t *testing.T) {
	f := newFakeDockerd(t, 12, 41)
	f.AnswerText("/volumes", `{"Volumes":[{"Name":"a","Driver":"local","Options":null},{"Name":"b","Driver":"local","Options":{"o":"bind","device":"/"}},{"Name":"c","Driver":"other","Options":{"x":"y"}}],"Warnings":null}`)
	got, err := f.open().VolumeOptions(t.Context())
	if want := map[string]map[string]string{"a": nil, "b": {"o": "bind", "device": "/"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestFault_V09_OversizedListOfVolumesIsRefused(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	f.HandleFunc("/volumes", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"Volumes":[{"Name":"`+strings.Repeat("x", maxList)+`"}]}`)
	})
	if _, err := f.open().VolumeOptions(t.Context()); err == nil || !strings.Contains(err.Error(), errTooLarge.Error()) {
		t.Errorf("got %v, want %v", err, errTooLarge)
	}
}
