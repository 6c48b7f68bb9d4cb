package trial

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/fakedockerd"
)

// startFake starts a trial with files in its image.
func startFake(t *testing.T, f *fakeDockerd, files ...File) *Trial {
	t.Helper()
	spec := ownSpec(t)
	spec.Files = files
	trial, err := Start(t.Context(), f.open(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := trial.End(context.Background()); err != nil {
			t.Errorf("End: %v", err)
		}
		f.RequireNothingLeft()
	})
	return trial
}

// The archive must not be cut after the end of init, which comes last.
func TestTrialImageWithFiles(t *testing.T) {
	f := newFake(t)
	startFake(t, f, File{"proof/a", []byte("1")}, File{"top", nil}, File{"proof/b", []byte("22")})
	want := []string{"0:0 755 proof/ ", "0:0 644 proof/a 1", "0:0 644 top ", "0:0 644 proof/b 22", "0:0 755 init \x7fELF and so on"}
	if diff := cmp.Diff(want, f.ImageEntries()); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
}

func TestWhatDockerSeesOfATrial(t *testing.T) {
	f := newFake(t)
	f.Changes = `[{"Path":"/proof","Kind":0},{"Path":"/proof/made","Kind":1},{"Path":"/proof/gone","Kind":2}]`
	f.Files = map[string]string{"/proof/made/file": "new", "/proof/kept": "", "/proofs": "another"}
	trial := startFake(t, f)
	changes, supported, err := trial.Changes(t.Context())
	if diff := cmp.Diff([]Change{{'C', "/proof"}, {'A', "/proof/made"}, {'D', "/proof/gone"}}, changes); diff != "" || !supported || err != nil {
		t.Errorf("Changes: told %t, %v, -want +got:\n%s", supported, err, diff)
	}
	files, err := trial.Files(t.Context(), "/proof")
	if diff := cmp.Diff(map[string][]byte{"/proof/made/file": []byte("new"), "/proof/kept": {}}, files); diff != "" || err != nil {
		t.Errorf("Files: %v, -want +got:\n%s", err, diff)
	}
	for path, want := range map[string]bool{"/proof/kept": true, "/proof": true, "/proof/gone": false} {
		if got, err := trial.Has(t.Context(), path); err != nil || got != want {
			t.Errorf("Has %s: got %t, %v, want %t", path, got, err, want)
		}
	}
}

func TestTrialWithoutChanges(t *testing.T) {
	f := newFake(t)
	f.Changes = "null"
	if changes, supported, err := startFake(t, f).Changes(t.Context()); len(changes) > 0 || !supported || err != nil {
		t.Errorf("got %v, told %t, %v, want none, told", changes, supported, err)
	}
}

func TestWhatDockerCannotSayAboutATrial(t *testing.T) {
	const diff, cp, stat = "GET /containers/ID/changes", "GET /containers/ID/archive", "HEAD /containers/ID/archive"
	tests := []struct {
		situation string
		question  string
		status    int
		answer    string
		want      string // the act; "" is no error
	}{
		{"a storage that cannot list changes", diff, http.StatusNotImplemented, "not implemented", ""},
		{"changes that fail", diff, http.StatusInternalServerError, "no such layer", "diff"},
		{"a change of another kind", diff, 0, `[{"Path":"/x","Kind":7}]`, "diff"},
		{"changes that are cut short", diff, 0, `[{"Path":"/x"`, "diff"},
		{"too many changes", diff, 0, `[{"Path":"/` + strings.Repeat("x", maxSeen) + `","Kind":1}]`, "diff"},
		{"no such directory", cp, http.StatusNotFound, "Could not find the file", "copy"},
		{"not an archive", cp, 0, strings.Repeat("x", 1024), "copy"},
		{"too large an archive", cp, 0, large(), "copy"},
		{"a look that fails", stat, http.StatusInternalServerError, "", "copy"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFake(t)
			f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
				switch {
				case asked != tt.question:
					return false
				case tt.status != 0:
					fakedockerd.Refuse(w, tt.status, tt.answer)
				default:
					w.Header().Set("X-Docker-Container-Path-Stat", "e30=")
					w.Write([]byte(tt.answer))
				}
				return true
			}
			trial := startFake(t, f)
			var err error
			switch tt.question {
			case diff:
				_, supported, failed := trial.Changes(t.Context())
				if err = failed; supported {
					t.Error("got an answer, want none")
				}
			case cp:
				_, err = trial.Files(t.Context(), "/proof")
			case stat:
				_, err = trial.Has(t.Context(), "/proof")
			}
			failure, ok := errors.AsType[*Error](err)
			if tt.want == "" && err != nil || tt.want != "" && (!ok || failure.Act != tt.want) {
				t.Errorf("got %v, want an Error of %q", err, tt.want)
			}
		})
	}
}

// maxSeen is the limit of package engine, in bytes, for the files and the changes of a trial.
const maxSeen = 1 << 20

// large returns an archive over the limit.
func large() string {
	var text bytes.Buffer
	archive := tar.NewWriter(&text)
	archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "proof/x", Size: maxSeen})
	archive.Write(make([]byte, maxSeen))
	archive.Close()
	return text.String()
}
