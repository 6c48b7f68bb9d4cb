package images

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"runsc-provisioner/provision/engine"
)

func TestFirstMissing(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	id := "sha256:" + hex
	loaded := []engine.Image{{ID: id, Tags: []string{"a:1", "b:2"}}}
	tests := []struct {
		situation string
		want      archivedImage
		lacks     string
	}{
		{"20.10's layout", archivedImage{Config: hex + ".json", RepoTags: []string{"a:1"}}, ""},
		{"OCI's layout, no tag", archivedImage{Config: "blobs/sha256/" + hex}, ""},
		{"a missing tag", archivedImage{Config: hex + ".json", RepoTags: []string{"a:1", "c:3"}}, "c:3"},
		{"a missing image", archivedImage{Config: strings.Repeat("cd", 32) + ".json", RepoTags: []string{"a:1"}}, "sha256:" + strings.Repeat("cd", 32)},
	}
	for _, tt := range tests {
		if got := firstMissing([]archivedImage{tt.want}, loaded); got != tt.lacks {
			t.Errorf("%s: got %q, want %q", tt.situation, got, tt.lacks)
		}
	}
}

func TestReadManifest(t *testing.T) {
	archive := func(manifest string) io.ReadSeeker {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, text := range map[string]string{"layer.tar": "12345", "manifest.json": manifest} {
			if manifest == "" && name == "manifest.json" {
				continue
			}
			if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b.Bytes())
	}
	f := archive(`[{"Config":"x.json","RepoTags":["a:1"]},{"Config":"y.json","RepoTags":null}]`)
	got, err := readManifest(f)
	if err != nil || len(got) != 2 || got[0].RepoTags[0] != "a:1" || got[1].id() != "sha256:y" {
		t.Errorf("got %v, %v", got, err)
	}
	if at, _ := f.Seek(0, io.SeekCurrent); at != 0 {
		t.Errorf("got the archive at %d, want it rewound", at)
	}
	for _, bad := range []io.ReadSeeker{archive(""), archive("[{"), strings.NewReader("no archive"), strings.NewReader("")} {
		if _, err := readManifest(bad); err == nil {
			t.Error("bad archive: got no error")
		}
	}
}
