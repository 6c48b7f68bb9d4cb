package wayback

import (
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// Another program has edited daemon.json in the middle of a run. Its edit stays, and our
// settings become what they were.
func TestFault_X01_OurSettingsAreTakenOutOfAnotherProgramsText(t *testing.T) {
	const old = `{"debug":false}`
	for _, test := range []struct {
		name            string
		old, wrote, now string
		want            string // the text without our settings; "" if it cannot be parsed
		carry           Carry  // with a dockerd that is not remapped
		kept            int
	}{
		{name: "userns-remap was missing", old: old, wrote: `{"debug":false,"userns-remap":"default"}`,
			now: `{"debug":true,"userns-remap":"default"}`, want: `{"debug":true}`, carry: CarriesRestart},
		{name: "userns-remap was switched off", old: `{"debug":false,"userns-remap":"default"}`, wrote: old,
			now: `{"debug":true}`, want: `{"debug":true,"userns-remap":"default"}`, carry: CarriesSettings},
		{name: "the other program has its own userns-remap", old: old, wrote: `{"userns-remap":"default"}`,
			now: `{"userns-remap":"alice"}`, want: `{"userns-remap":"alice"}`, carry: CarriesNothing},
		{name: "a new runtime and default", old: old, wrote: `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/new"}}}`,
			now:  `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/new"}},"mtu":1400}`,
			want: `{"mtu":1400}`, carry: CarriesSettings},
		{name: "an older runtime", old: `{"runtimes":{"runsc":{"path":"/old"}}}`, wrote: `{"runtimes":{"runsc":{"path":"/new","runtimeArgs":["-a"]}}}`,
			now: `{"mtu":1,"runtimes":{"runsc":{"path":"/new","runtimeArgs":["-a"]}}}`, want: `{"mtu":1,"runtimes":{"runsc":{"path":"/old"}}}`, carry: CarriesSettings},
		{name: "the other program changed the runtime too", old: old, wrote: `{"runtimes":{"runsc":{"path":"/new"}}}`,
			now: `{"runtimes":{"runsc":{"path":"/theirs"}}}`, want: `{"runtimes":{"runsc":{"path":"/theirs"}}}`, carry: CarriesNothing},
		{name: "the other program relies on our runtime", old: old, wrote: `{"runtimes":{"runsc":{"path":"/new"}}}`,
			now: `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/new"}}}`, want: `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/new"}}}`, carry: CarriesSettings, kept: 1},
		{name: "the old runtime has a type", old: `{"runtimes":{"runsc":{"runtimeType":"x.v1"}}}`, wrote: `{"userns-remap":"default","runtimes":{"runsc":{"path":"/new"}}}`,
			now: `{"userns-remap":"default","runtimes":{"runsc":{"path":"/new"}},"mtu":1}`, want: `{"runtimes":{"runsc":{"path":"/new"}},"mtu":1}`, carry: CarriesRestart, kept: 1},
		{name: "a runtime and a default were taken out", old: `{"runtimes":{"runsc":{"path":"/old"}},"default-runtime":"runsc"}`, wrote: `{}`,
			now: `{"mtu":1}`, want: `{"mtu":1,"runtimes":{"runsc":{"path":"/old"}},"default-runtime":"runsc"}`, carry: CarriesSettings},
		{name: "a runtime was taken out, and the other program has its own", old: `{"runtimes":{"runsc":{"path":"/old"}}}`, wrote: `{}`,
			now: `{"runtimes":{"runsc":{"path":"/theirs"}}}`, want: `{"runtimes":{"runsc":{"path":"/theirs"}}}`, carry: CarriesNothing},
		{name: "nothing of ours is left", old: old, wrote: `{"userns-remap":"default"}`, now: `{"mtu":1}`, want: `{"mtu":1}`, carry: CarriesNothing},
		{name: "a journal without our values", old: old, now: `{"userns-remap":"default"}`, want: `{}`, carry: CarriesRestart},
		{name: "it cannot be parsed", old: old, wrote: `{}`, now: `{"userns-remap":"default"`, carry: CarriesUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := state.Journal{Runtimes: []string{"runsc"}, File: state.JournalFile{OldDigest: durable.Digest([]byte(test.old))}}
			if test.wrote != "" {
				j.File.Sets = valuesOf(plan.Plan{Steps: []steps.Step{steps.WriteDaemonJSON{New: []byte(test.wrote)}, steps.Reload{}}}, j.Runtimes)
			}
			if got := CarryOf(j, []byte(test.now), []byte(test.old), config.RemapOff); got != test.carry {
				t.Errorf("got carry %d, want %d", got, test.carry)
			}
			if test.want == "" {
				return
			}
			now, err := daemonjson.Parse([]byte(test.now))
			old, oldErr := daemonjson.Parse([]byte(test.old))
			if err != nil || oldErr != nil {
				t.Fatal(err, oldErr)
			}
			doc, kept, err := TakeOut(j, now, old, commandline.Flags{})
			if got := string(doc.Bytes()); err != nil || got != test.want || len(kept) != test.kept {
				t.Errorf("got %s, kept %q, %v\nwant %s, %d kept", got, kept, err, test.want, test.kept)
			}
		})
	}
}
