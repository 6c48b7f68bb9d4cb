package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/trial"
	"runsc-provisioner/test/lab"
)

// writers are two runtimes of a release that is not installed yet when dockerd starts.
const writers = `"runtimes": {
	"keeps": {"path": "` + store + "/" + newer + `/runsc", "runtimeArgs": ["--ignore-cgroups", "--overlay2=none"]},
	"loses": {"path": "` + store + "/" + newer + `/runsc", "runtimeArgs": ["--ignore-cgroups", "--overlay2=root:self"]}}`

var writersHosts = []struct{ situation, suite, settings string }{
	{"trixie", "trixie", ""},
	{"bookworm", "bookworm", ""},
	{"trixie with remapped users", "trixie", `, "userns-remap": "default"`},
	{"bookworm with remapped users", "bookworm", `, "userns-remap": "default"`},
	{"trixie with containerd's image store", "trixie", `, "features": {"containerd-snapshotter": true}`},
}

// Docker sees what a container writes, deletes and renames as under runc if runsc has no overlay, and not at all
// with runsc's own default.
func TestDockerSeesWhatATrialWrites(t *testing.T) {
	t.Parallel()
	image := map[string]string{"/data/replaced": "in the image", "/data/deleted": "deleted", "/data/before": "renamed"}
	written := map[string]string{"/data/replaced": "replaced", "/data/made/file": "new", "/data/after": "renamed"}
	changes := []string{"A /data/after", "A /data/made", "A /data/made/file", "C /data", "C /data/replaced", "D /data/before", "D /data/deleted"}
	for _, tt := range writersHosts {
		t.Run(tt.situation, func(t *testing.T) {
			h := newTrialHost(t, tt.suite, writers+tt.settings)
			h.run("runsc-provisioner apply --release " + newer)
			before := h.left()
			for _, runtime := range []string{"runc", "keeps", "loses"} {
				files, want, gone := written, changes, []string{"/data/before", "/data/deleted"}
				if runtime == "keeps" {
					want = append(slices.Clone(changes), "A /tmp") // the image has none
				}
				spec := h.spec(runtime, "writes")
				for _, name := range []string{"replaced", "deleted", "before"} {
					spec.Files = append(spec.Files, trial.File{Name: "data/" + name, Content: []byte(image["/data/"+name])})
				}
				started, err := trial.Start(t.Context(), h.client, spec)
				if err != nil {
					t.Fatalf("%s: %v", runtime, err)
				}
				if runtime == "loses" {
					files, want, gone = image, []string{"A /.gvisor.filestore." + started.ID}, []string{"/data/after", "/data/made"}
				}
				if _, err := started.Line(t.Context()); err != nil {
					t.Errorf("%s: %v", runtime, err)
				}
				h.sees(started, runtime, files, want, gone)
				if err := started.End(t.Context()); err != nil {
					t.Errorf("%s: End: %v", runtime, err)
				}
				if tt.settings == "" { // else it is in another place
					h.nothingNew(before)
				}
			}
		})
	}
}

func (h trialHost) sees(started *trial.Trial, runtime string, files map[string]string, changes, gone []string) {
	h.t.Helper()
	got, err := started.Files(h.t.Context(), "/data")
	text := map[string]string{}
	for path, content := range got {
		text[path] = string(content)
	}
	if diff := cmp.Diff(files, text); diff != "" || err != nil {
		h.t.Errorf("%s: docker cp: %v, -want +got:\n%s", runtime, err, diff)
	}
	for _, path := range gone {
		if found, err := started.Has(h.t.Context(), path); found || err != nil {
			h.t.Errorf("%s: %s: found %t, %v, want it not there", runtime, path, found, err)
		}
	}
	all, told, err := started.Changes(h.t.Context())
	var listed []string
	for _, change := range all {
		listed = append(listed, change.String())
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(slices.Values(changes)), listed); diff != "" || !told || err != nil {
		h.t.Errorf("%s: docker diff: told %t, %v, -want +got:\n%s", runtime, told, err, diff)
	}
}

// dockerd's arguments are compared with the configuration's promise.
func TestProofOfWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range writersHosts[:4] {
		t.Run(tt.situation, func(t *testing.T) {
			h := boot(t, lab.Options{Suite: tt.suite, Files: map[string]lab.File{daemonJSON: {Content: `{"debug": false` + tt.settings + "}\n"}}})
			h.run("runsc-provisioner apply --default-runtime --runtime-arg=--ignore-cgroups --runtime-arg=--overlay2=none --release " + newer)
			h.writes(0, "kept", true)

			// Proofs of the earlier version, or of another promise.
			h.run("sed -i 's/./0/g' /var/lib/runsc-provisioner/proofs")
			h.writes(1, "kept", false)
			h.run("runsc-provisioner prove")
			h.writes(0, "kept", true)
			if tt.settings != "" {
				return
			}
			h.run(`sed -i -z 's/,[[:space:]]*"--overlay2=none"//' ` + daemonJSON + ` && systemctl reload docker
				for i in $(seq 600); do docker info -f '{{json .Runtimes}}' | grep -q overlay2=none || exit 0; sleep 0.1; done; exit 1`)
			h.writes(2, "lost", false)
			r := h.exit(1, "runsc-provisioner prove")
			for _, path := range []string{"/proof/after", "/proof/made/file", "/proof/replaced", "/proof/before"} {
				if !strings.Contains(r.Stderr, path) {
					t.Errorf("got %v, want it to name %s", r, path)
				}
			}
			if left := h.run("docker ps -aq; docker images -q runsc-provisioner-proof-*"); left != "" {
				t.Errorf("left: %s", left)
			}
			h.run("runsc-provisioner apply")
			h.writes(0, "kept", true)
		})
	}
}

// writes checks what verify says about the runtime runsc. The configuration promises that it keeps writes.
func (h host) writes(code int, writes string, proven bool) {
	h.t.Helper()
	v := h.verify(code)
	type runtime = struct {
		Name     string
		Writes   string
		Promised string `json:"writes_promised"`
		Proven   bool   `json:"writes_proven"`
	}
	if diff := cmp.Diff([]runtime{{"runsc", writes, "kept", proven}}, v.Runtimes); diff != "" {
		h.t.Errorf("-want +got:\n%s", diff)
	}
	want := "ok"
	if code != 0 {
		want = "warning"
	}
	for _, item := range v.Host {
		if item.Name == "runtime runsc" && item.Status == want {
			return
		}
	}
	h.t.Errorf("got %+v, want the item of runsc to be %s", v.Host, want)
}
