package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// What dockerd has counts, and what was proven of just that.
func TestWritesInEffect(t *testing.T) {
	const none = `{"runtimes":{"runsc":{"path":"` + store + "/" + newer + `/runsc","runtimeArgs":["--overlay2=none"]}}}`
	const self = `{"runtimes":{"runsc":{"path":"` + store + "/" + newer + `/runsc"}}}`
	const dated = `{"runtimes":{"runsc":{"path":"` + store + "/" + older + `/runsc","runtimeArgs":["--overlay2=none"]}}}`
	const elsewhere = `{"runtimes":{"runsc":{"path":"/opt/runsc","runtimeArgs":["--overlay2=none"]}}}`
	kept, lost := verify.WritesKept, verify.WritesLost
	tests := []struct {
		situation string
		host      host
		change    func(*Observed)
		want      []RuntimeWrites
		health    Health
	}{
		{"Docker is stopped", host{file: none, releases: []string{newer}}, nil, nil, Healthy},
		{"dockerd does not know it", host{file: none, engine: dockerd("{}"), releases: []string{newer}}, nil, nil, Healthy},
		{"kept, proven", host{file: none, engine: dockerd(none), releases: []string{newer}, proven: []string{"runsc"}}, nil,
			[]RuntimeWrites{{"runsc", kept, kept, true}}, Healthy},
		{"kept, not proven", host{file: none, engine: dockerd(none), releases: []string{newer}}, nil,
			[]RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"kept, proven of another release", host{file: dated, engine: dockerd(dated), releases: []string{newer, older}, proven: []string{"runsc"}}, nil,
			[]RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"kept, proven before the boot", host{file: none, engine: dockerd(none), releases: []string{newer}, proven: []string{"runsc"}},
			func(o *Observed) { o.Since = "another" }, []RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"kept, proven under another dockerd", host{file: none, engine: dockerd(none), releases: []string{newer}, proven: []string{"runsc"}},
			func(o *Observed) { o.Engine.Version = "99" }, []RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"kept, proven without userns-remap", host{file: none, engine: dockerd(none), releases: []string{newer}, proven: []string{"runsc"}},
			func(o *Observed) { o.Engine.UsernsRemap = true }, []RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"kept, by what is no release", host{file: elsewhere, engine: dockerd(elsewhere), releases: []string{newer}, proven: []string{"runsc"}}, nil,
			[]RuntimeWrites{{"runsc", kept, kept, false}}, Healthy},
		{"lost, as configured", host{file: self, engine: dockerd(self), releases: []string{newer}, proven: []string{"runsc"}}, nil,
			[]RuntimeWrites{{"runsc", lost, lost, false}}, Healthy},
		{"lost although promised: not loaded", host{file: none, engine: dockerd(self), releases: []string{newer}, proven: []string{"runsc"}}, nil,
			[]RuntimeWrites{{"runsc", lost, kept, false}}, Warning},
		{"kept although not promised: not loaded", host{file: self, engine: dockerd(none), releases: []string{newer}}, nil,
			[]RuntimeWrites{{"runsc", kept, lost, false}}, Healthy},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			o := tt.host.observed(t)
			if tt.change != nil {
				tt.change(&o)
			}
			if diff := cmp.Diff(tt.want, writesInEffect(wants(nil), o)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			items := runtimeItems(wants(nil), o)
			if len(items) != len(tt.want) {
				t.Fatalf("got %+v, want %d items", items, len(tt.want))
			}
			for _, item := range items {
				if item.Name != RuntimeItemName("runsc") || item.Health != tt.health || item.Seen == "" || (item.Remedy != "") != (tt.health != Healthy) {
					t.Errorf("got %+v, want it to be %s", item, tt.health)
				}
			}
		})
	}
}

// Arguments in the configuration promise more than those that dockerd has.
func TestWritesAreAsConfigured(t *testing.T) {
	c := wants(func(c *Config) {
		c.Docker.Runtimes = map[string]RuntimeConfig{"runsc": {Args: []string{"--overlay2=none"}}}
	})
	o := host{file: "{}", releases: []string{newer}}.observed(t)
	o.Engine = &engine.Info{Runtimes: map[string]engine.Runtime{"runsc": {Path: store + "/" + newer + "/runsc"}}}
	if diff := cmp.Diff([]RuntimeWrites{{"runsc", verify.WritesLost, verify.WritesKept, false}}, writesInEffect(c, o)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestItemOfARuntimeKeepsWhatIsWorse(t *testing.T) {
	item := Item{Name: "runtime runsc", Health: Critical, Seen: "it is broken", Remedy: "mend it"}
	RuntimeWrites{"runsc", verify.WritesLost, verify.WritesKept, false}.addTo(&item)
	if item.Health != Critical || item.Remedy != "mend it" || len(item.Seen) <= len("it is broken; ") {
		t.Errorf("got %+v", item)
	}
}
