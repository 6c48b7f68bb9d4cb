package checkup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

func runscWrites(writes, promised verify.Writes, proven bool) []RuntimeWrites {
	return []RuntimeWrites{{Runtime: "runsc", Writes: writes, Promised: promised, Proven: proven}}
}

// The arguments in dockerd decide, and proofs of exactly these.
func TestWritesInEffect(t *testing.T) {
	const none = `{"runtimes":{"runsc":{"path":"` + seen.Store + "/" + seen.Newer + `/runsc","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`
	const self = `{"runtimes":{"runsc":{"path":"` + seen.Store + "/" + seen.Newer + `/runsc"}}}`
	const dated = `{"runtimes":{"runsc":{"path":"` + seen.Store + "/" + seen.Older + `/runsc","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`
	const elsewhere = `{"runtimes":{"runsc":{"path":"/opt/runsc","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`
	const wrapped = `{"runtimes":{"runsc":{"path":"/opt/runsc","runtimeArgs":["--debug"]}}}`
	const shim = `{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1"}}}`
	const linked = `{"runtimes":{"runsc":{"path":"/usr/local/bin/runsc"}}}`
	kept, lost, unknown := verify.WritesKept, verify.WritesLost, verify.WritesUnknown
	tests := []struct {
		situation string
		host      seen.Host
		change    func(*host.Observed)
		want      []RuntimeWrites
		health    Health
	}{
		{"Docker is stopped", seen.Host{File: none, Releases: []string{seen.Newer}}, nil, nil, Healthy},
		{"dockerd does not have the runtime", seen.Host{File: none, Engine: seen.Dockerd("{}"), Releases: []string{seen.Newer}}, nil, nil, Healthy},
		{"kept, proven", seen.Host{File: none, Engine: seen.Dockerd(none), Releases: []string{seen.Newer}, Proven: []string{"runsc"}}, nil,
			runscWrites(kept, kept, true), Healthy},
		{"kept, not proven", seen.Host{File: none, Engine: seen.Dockerd(none), Releases: []string{seen.Newer}}, nil,
			runscWrites(kept, kept, false), Healthy},
		{"kept, proven of another release", seen.Host{File: dated, Engine: seen.Dockerd(dated), Releases: []string{seen.Newer, seen.Older}, Proven: []string{"runsc"}}, nil,
			runscWrites(kept, kept, false), Healthy},
		{"kept, proven before the boot", seen.Host{File: none, Engine: seen.Dockerd(none), Releases: []string{seen.Newer}, Proven: []string{"runsc"}},
			func(o *host.Observed) { o.BootAndMount = "another" }, runscWrites(kept, kept, false), Healthy},
		{"kept, proven under another dockerd", seen.Host{File: none, Engine: seen.Dockerd(none), Releases: []string{seen.Newer}, Proven: []string{"runsc"}},
			func(o *host.Observed) { o.Engine.Version = "99" }, runscWrites(kept, kept, false), Healthy},
		{"kept, proven without userns-remap", seen.Host{File: none, Engine: seen.Dockerd(none), Releases: []string{seen.Newer}, Proven: []string{"runsc"}},
			func(o *host.Observed) { o.Engine.UsernsRemap = true }, runscWrites(kept, kept, false), Healthy},
		{"kept, not an installed release", seen.Host{File: elsewhere, Engine: seen.Dockerd(elsewhere), Releases: []string{seen.Newer}, Proven: []string{"runsc"}}, nil,
			runscWrites(kept, kept, false), Critical},
		{"unknown: a program that is no release", seen.Host{File: wrapped, Engine: seen.Dockerd(wrapped), Releases: []string{seen.Newer}, Unrecorded: true}, nil,
			runscWrites(unknown, kept, false), Critical},
		{"unknown: a shim", seen.Host{File: shim, Engine: seen.Dockerd(shim), Releases: []string{seen.Newer}, Unrecorded: true}, nil,
			runscWrites(unknown, kept, false), Critical},
		{"unknown: a shim that dockerd ignores", seen.Host{File: shim, Engine: seen.Dockerd(shim), Version: "20.10.24", Releases: []string{seen.Newer}, Unrecorded: true}, nil,
			runscWrites(unknown, kept, false), Critical},
		{"lost: our link to a release", seen.Host{File: linked, Engine: seen.Dockerd(linked), Link: seen.Newer, Releases: []string{seen.Newer}}, nil,
			runscWrites(lost, kept, false), Critical},
		{"lost under an earlier version, kept after the next apply", seen.Host{File: self, Engine: seen.Dockerd(self), Releases: []string{seen.Newer}, Unrecorded: true}, nil,
			runscWrites(lost, kept, false), Warning},
		{"lost although promised: the file is not loaded", seen.Host{File: none, Engine: seen.Dockerd(self), Releases: []string{seen.Newer}, Proven: []string{"runsc"}}, nil,
			runscWrites(lost, kept, false), Warning},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			o := tt.host.Observed(t)
			if tt.change != nil {
				tt.change(&o)
			}
			if diff := cmp.Diff(tt.want, WritesInEffect(seen.Wants(nil), o)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			items := RuntimeItems(seen.Wants(nil), o)
			if len(items) != len(tt.want) {
				t.Fatalf("got %+v, want %d items", items, len(tt.want))
			}
			for _, item := range items {
				if item.Name != RuntimeItemName("runsc") || item.Health != tt.health || item.Seen == "" || (item.Remedy != "") != (tt.health != Healthy) {
					t.Errorf("got %+v, want health %s", item, tt.health)
				}
			}
		})
	}
}

// A loss that the configuration asks for is fine; one that an adopted runtime has is reported.
func TestWritesThatAreLostOnPurposeOrAsBefore(t *testing.T) {
	const adopted = `{"runtimes":{"runsc":{"path":"` + seen.Store + "/" + seen.Newer + `/runsc","runtimeArgs":["--debug"]}}}`
	for _, row := range []struct {
		situation, rootfs string
		loss              bool
	}{
		{"sandbox", config.RootfsSandbox, false},
		{"adopted", "", true},
	} {
		t.Run(row.situation, func(t *testing.T) {
			c := seen.Wants(func(c *config.Config) { c.Docker.Runtimes = map[string]config.Runtime{"runsc": {Rootfs: row.rootfs}} })
			o := seen.Host{File: adopted, Engine: seen.Dockerd(adopted), Releases: []string{seen.Newer}, Unrecorded: true}.Observed(t)
			got := WritesInEffect(c, o)
			if len(got) != 1 || got[0].Promised != verify.WritesLost || (got[0].Loss != "") != row.loss {
				t.Errorf("got %+v", got)
			}
			if item := RuntimeItems(c, o)[0]; item.Health != Healthy || row.loss && !strings.HasSuffix(item.Seen, got[0].Loss) {
				t.Errorf("got %+v", item)
			}
		})
	}
}

// The configuration promises more than the arguments in dockerd give.
func TestWritesAreAsConfigured(t *testing.T) {
	c := seen.Wants(func(c *config.Config) {
		c.Docker.Runtimes = map[string]config.Runtime{"runsc": {Args: []string{"--overlay2=none"}}}
	})
	o := seen.Host{File: "{}", Releases: []string{seen.Newer}}.Observed(t)
	o.Engine = &engine.Info{Runtimes: map[string]engine.Runtime{"runsc": {Path: seen.Store + "/" + seen.Newer + "/runsc"}}}
	if diff := cmp.Diff(runscWrites(verify.WritesLost, verify.WritesKept, false), WritesInEffect(c, o)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAddTo_KeepsTheWorseHealth(t *testing.T) {
	item := Item{Name: "runtime runsc", Health: Critical, Seen: "it is broken", Remedy: "fix it"}
	runscWrites(verify.WritesLost, verify.WritesKept, false)[0].addTo(&item)
	if item.Health != Critical || item.Remedy != "fix it" || len(item.Seen) <= len("it is broken; ") {
		t.Errorf("got %+v", item)
	}
}
