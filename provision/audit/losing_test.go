package audit

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// A sandbox keeps the overlay that it was started with.
func TestContainersThatGoOnLosingWrites(t *testing.T) {
	kept, lost, unknown := verify.WritesKept, verify.WritesLost, verify.WritesUnknown
	for _, tt := range []struct {
		name              string
		container         verify.Writes
		runtime, promised verify.Writes
		chooses, other    bool
		want              bool
	}{
		{"started before the runtime kept writes", lost, kept, kept, false, false, true},
		{"started since", kept, kept, kept, false, false, false},
		{"cannot be read", "", kept, kept, false, false, false},
		{"as configured", lost, lost, lost, false, false, false},
		{"dockerd does not keep them yet: a restart does not help", lost, lost, kept, false, false, false},
		{"a runtime that is not known to keep them", lost, unknown, kept, false, false, false},
		{"not promised", lost, kept, lost, false, false, false},
		{"it chose an overlay itself", lost, kept, kept, true, false, false},
		{"another runtime", lost, kept, kept, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := verify.Container{ID: "0a", Name: "app", Runtime: "runsc"}
			if tt.other {
				c.Runtime = "gv"
			}
			if tt.chooses {
				c.Annotations = map[string]string{"dev.gvisor.flag.overlay2": "root:memory"}
			}
			v := Verification{
				Report: verify.Report{Verdicts: []verify.Verdict{{Container: c, State: verify.Sandboxed, Writes: tt.container}}},
				Writes: []checkup.RuntimeWrites{{Runtime: "runsc", Writes: tt.runtime, Promised: tt.promised}},
			}
			v.checkAll(Expect{})
			if got := len(v.Findings) == 1; got != tt.want {
				t.Fatalf("got %+v, want one finding: %t", v.Findings, tt.want)
			}
			if !tt.want {
				return
			}
			if f := v.Findings[0]; f.Health != checkup.Warning || f.Code != "container-writes" || f.Object != "container app" || !strings.HasPrefix(f.Remedy, "docker restart app") {
				t.Errorf("got %+v", f)
			}
		})
	}
}
