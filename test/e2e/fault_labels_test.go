package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// loadFat loads an image called fat, made from the lab's, with so many bytes of labels.
func (h host) loadFat(labels int) {
	h.t.Helper()
	h.run("docker save -o /root/thin.tar " + lab.Image)
	files := map[string][]byte{}
	for from := tar.NewReader(strings.NewReader(h.read("/root/thin.tar"))); ; {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			h.t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(from); err != nil {
			h.t.Fatal(err)
		}
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var config map[string]any
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(files[manifest[0].Config], &config); err != nil {
		h.t.Fatal(err)
	}
	config["config"].(map[string]any)["Labels"] = map[string]string{"fat": strings.Repeat("x", labels)}
	manifest[0].Config, manifest[0].RepoTags = "fat.json", []string{"fat:latest"}
	var fat bytes.Buffer
	to := tar.NewWriter(&fat)
	put := func(name string, content []byte) {
		if err := to.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			h.t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			h.t.Fatal(err)
		}
	}
	encoded := func(value any) []byte {
		text, err := json.Marshal(value)
		if err != nil {
			h.t.Fatal(err)
		}
		return text
	}
	put("manifest.json", encoded(manifest))
	put("fat.json", encoded(config))
	for _, layer := range manifest[0].Layers {
		put(layer, files[layer])
	}
	if err := to.Close(); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.Path("/root/fat.tar"), fat.Bytes(), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.run("docker load -i /root/fat.tar")
}

// The labels of an image may have any size. They must not hide its container, or any other, from the daemon and
// verify.
func TestFault_V09_LabelsOfAnySizeHideNothing(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\nunsandboxed = \"stop\"\n")
	h.loadFat(10 << 20)
	h.run("docker run -d --name in fat sleep 600")
	h.awaits("aware of it", func(s status.Status) bool { return s.Containers.Sandboxed == 1 && s.Containers.Known })
	for i, run := range []string{"--name fat --runtime=runc fat", "--name thin --runtime=runc " + lab.Image} {
		h.run("docker run -d " + run + " sleep 600")
		h.awaits("stopping "+run, func(s status.Status) bool { return s.Counts.Stopped == uint64(i+1) })
	}
	// dockerd answers a stop before its list has it.
	h.run(`until [ "$(docker ps --format '{{.Names}}')" = in ]; do sleep 0.05; done`)
	h.run("systemctl stop runsc-provisioner; docker start fat thin")
	v := h.verify(1)
	for name, want := range map[string]string{"in": "sandboxed", "fat": "not sandboxed", "thin": "not sandboxed"} {
		if got, _ := v.container(t, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	// A label that is too long to read may be the one that demands a sandbox.
	h.exit(2, "runsc-provisioner verify --require-sandbox label=untrusted")
	h.exit(1, "docker rm -f fat; runsc-provisioner verify --require-sandbox label=untrusted")
}
