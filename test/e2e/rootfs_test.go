package e2e

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// foreignRuntime is runsc of a release, which another program registered with its own arguments.
const foreignRuntime = `{"debug":false,"runtimes":{"gv":{"path":"/usr/local/lib/gvisor/20260907.0/runsc","runtimeArgs":["--ignore-cgroups"]}}}`

// record is before.json.
type record struct {
	Files map[string]struct {
		Assumed bool
		Text    string
		Keys    map[string]struct {
			Present, Assumed, Managed bool
			Value                     string
		}
	} `json:"daemon_json"`
	Objects map[string]struct{ Present bool }
}

const recordPath = "/var/lib/runsc-provisioner/before.json"

func (h host) record() (r record, text string) {
	h.t.Helper()
	text = h.read(recordPath)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		h.t.Fatal(err)
	}
	return r, text
}

// runtimeArgs are the arguments of a runtime in dockerd.
func (h host) runtimeArgs(name string) []string {
	h.t.Helper()
	var args []string
	text := h.run("docker info -f '{{json (index .Runtimes \"" + name + "\").Args}}'")
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	return args
}

// keeps reports whether docker cp sees what a container wrote.
func (h host) keeps(runtime string) bool {
	h.t.Helper()
	h.run("docker run --name writer --runtime=" + runtime + " " + lab.Image + " sh -c 'echo kept >/written'")
	got := h.run("docker cp writer:/written - 2>/dev/null | tar xO 2>/dev/null | cat; docker rm writer >/dev/null")
	return got == "kept"
}

func TestWritesAreKeptAndTheEarlierStateIsRecorded(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{
		daemonJSON: {Content: foreignRuntime},
		"/etc/runsc-provisioner/config.d/20-gv.toml": {Content: "[docker.runtimes.gv]\n"},
	}}
	onEach(t, o, func(t *testing.T, h host) {
		said := h.run("runsc-provisioner apply --default-runtime --release " + older)
		if !strings.Contains(said, `docker.runtimes.gv.rootfs = "docker"`) {
			t.Errorf("got %s\nwant the loss of gv, and the setting that changes it", said)
		}
		for name, want := range map[string][]string{"runsc": {"--ignore-cgroups", "--overlay2=none", "--dcache=0"}, "gv": {"--ignore-cgroups"}} {
			if got := h.runtimeArgs(name); !slices.Equal(got, want) {
				t.Errorf("%s: got the arguments %q, want %q", name, got, want)
			}
			if got, want := h.keeps(name), name == "runsc"; got != want {
				t.Errorf("%s: got writes kept: %v, want %v", name, got, want)
			}
		}
		r, first := h.record()
		file := r.Files[daemonJSON]
		if file.Text != foreignRuntime || file.Assumed {
			t.Errorf("got the text %q recorded, want %q", file.Text, foreignRuntime)
		}
		for item, want := range map[string]string{"runtimes.runsc": "", "default-runtime": "", "runtimes.gv": `{"path":"/usr/local/lib/gvisor/20260907.0/runsc","runtimeArgs":["--ignore-cgroups"]}`} {
			if key := file.Keys[item]; key.Value != want || key.Present != (want != "") || !key.Managed || key.Assumed {
				t.Errorf("%s: got %+v recorded, want the value %q", item, key, want)
			}
		}
		for _, object := range []string{"link:" + link, "directory:" + store, "file:/etc/runsc-provisioner/config.d/50-apply.toml"} {
			if found, has := r.Objects[object]; !has || found.Present {
				t.Errorf("%s: got %+v, want it recorded as absent", object, found)
			}
		}
		if info, err := os.Stat(h.Path(recordPath)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want it for root only", info, err)
		}

		h.run("runsc-provisioner apply --release " + newer)
		h.run(`echo '{"debug":true}' > ` + daemonJSON)
		h.run("runsc-provisioner apply")
		if _, later := h.record(); later != first {
			t.Errorf("the record changed: got %s\nwant %s", later, first)
		}
		if got, want := h.runtimeArgs("gv"), []string{"--ignore-cgroups"}; !slices.Equal(got, want) {
			t.Errorf("gv, after another program removed it: got the arguments %q, want %q", got, want)
		}

		// The setting that the plan names changes it.
		h.run(`echo 'rootfs = "docker"' >> /etc/runsc-provisioner/config.d/20-gv.toml`)
		h.run("runsc-provisioner apply")
		if !h.keeps("gv") {
			t.Error("gv with rootfs docker: got writes lost, want them kept")
		}
		// And back.
		h.run("runsc-provisioner apply --rootfs=sandbox")
		if got, want := h.runtimeArgs("runsc"), []string{"--ignore-cgroups"}; !slices.Equal(got, want) || h.keeps("runsc") {
			t.Errorf("runsc with rootfs sandbox: got the arguments %q, want %q, and writes lost", got, want)
		}
		before := h.snapshot()
		h.exit(78, "runsc-provisioner apply --runtime-arg=--ignore-cgroups --runtime-arg=--overlay2=none")
		h.untouched(before)

		// A version without a record was here, and registered no arguments.
		h.run("rm " + recordPath + ` /var/lib/runsc-provisioner/accepted* && sed -i '/rootfs/d' /etc/runsc-provisioner/config.d/*.toml && ` +
			`echo '{"runtimes":{"runsc":{"path":"` + store + "/" + newer + `/runsc"}},"default-runtime":"runsc"}' > ` + daemonJSON +
			" && rm /etc/runsc-provisioner/config.d/20-gv.toml && systemctl reload docker")
		if said := h.exit(2, "runsc-provisioner plan --detailed-exitcode").Stdout; !strings.Contains(said, "--overlay2=none") || !strings.Contains(said, "no record says who registered runtime runsc") {
			t.Errorf("got %s\nwant the plan to announce the change", said)
		}
		h.run("runsc-provisioner apply")
		if got, want := h.runtimeArgs("runsc"), []string{"--ignore-cgroups", "--overlay2=none", "--dcache=0"}; !slices.Equal(got, want) || !h.keeps("runsc") {
			t.Errorf("brought along: got the arguments %q, want %q, and writes kept", got, want)
		}
		r, _ = h.record()
		if key := r.Files[daemonJSON].Keys["runtimes.runsc"]; key.Present || !key.Assumed || !r.Files[daemonJSON].Assumed {
			t.Errorf("brought along: got %+v recorded, want runsc absent, and marked as assumed", key)
		}

		h.run(`echo '{"schema_version":2}' > ` + recordPath)
		before = h.snapshot()
		h.exit(78, "runsc-provisioner apply --release "+older)
		h.untouched(before)
		if got := h.read(recordPath); got != "{\"schema_version\":2}\n" {
			t.Errorf("a record of a newer version: got it replaced by %s", got)
		}
	})
}
