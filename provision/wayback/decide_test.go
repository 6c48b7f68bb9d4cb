package wayback

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// String makes failures readable.
func (w Way) String() string {
	return [...]string{"leave", "file", "finish", "reload", "start", "restart", "aside"}[w]
}

func TestFault_X01_DecideForEachJournalAndScene(t *testing.T) {
	var (
		running  = state.Journal{Engine: &state.JournalEngine{}}
		stopped  = state.Journal{}
		failing  = state.Journal{Engine: &state.JournalEngine{}, Failed: true}
		asked    = state.Journal{Engine: &state.JournalEngine{}, Restarting: true}
		wasUp    = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Restarted: "2"}
		undoing  = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Starting: true, Failed: true}
		undone   = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Restarted: "2", Failed: true}
		ended    = state.Journal{Engine: &state.JournalEngine{}, Signalled: "1", Failed: true}
		up       = host.Unit{ActiveState: "active"}
		inactive = host.Unit{ActiveState: "inactive", Result: "success"}
		hanging  = host.Unit{ActiveState: "activating"}
		exited   = host.Unit{ActiveState: "failed", Result: "exit-code"}
		limited  = host.Unit{ActiveState: "failed", Result: "start-limit-hit"}
		shot     = host.Unit{ActiveState: "failed", Result: "signal"}
	)
	const none, reload, restart = config.DisruptionNone, config.DisruptionReload, config.DisruptionRestart
	for _, test := range []struct {
		name string
		j    state.Journal
		s    Scene
		want Way
	}{
		{"killed before the first write", running, Scene{Text: TextOld, Unit: up, Engine: EngineRestored, MaxDisruption: reload}, RestoreFile},
		{"old text, dockerd still has the new settings", running, Scene{Text: TextOld, Unit: up, Engine: EngineNeedsReload, MaxDisruption: reload}, Reload},
		{"old text, and not even a reload is allowed", running, Scene{Text: TextOld, Unit: up, Engine: EngineNeedsReload, MaxDisruption: none}, RestoreFile},
		{"old text that dockerd does not start from", running, Scene{Text: TextOld, Unit: up, Engine: EngineUnknown, MaxDisruption: reload}, RestoreFile},
		{"written: finished", running, Scene{Text: TextPlanned, Unit: up, Engine: EngineRestored, MaxDisruption: reload}, Finish},
		{"written, and no reload is allowed", running, Scene{Text: TextPlanned, Unit: up, Engine: EngineRestored, MaxDisruption: none}, RestoreFile},
		{"written, and dockerd does not take it", running, Scene{Text: TextPlanned, Unit: up, Engine: EngineRestored, MaxDisruption: reload, Refused: true}, RestoreFile},
		{"partly taken, and refused", running, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsReload, MaxDisruption: reload, Refused: true}, Reload},
		{"a failed run's text is not finished", failing, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsReload, MaxDisruption: reload}, Reload},
		{"killed on the way back", running, Scene{Text: textWayBack, Unit: up, Engine: EngineNeedsReload, MaxDisruption: reload}, Reload},
		{"killed on the way back, which dockerd has taken", running, Scene{Text: textWayBack, Unit: up, Engine: EngineRestored, MaxDisruption: reload}, RestoreFile},
		{"another program's text", failing, Scene{Text: TextForeign, Unit: up, Engine: EngineNeedsReload, MaxDisruption: restart}, Leave},

		{"remapped, no consent", undone, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsRestart, MaxDisruption: reload}, SetAside},
		{"remapped, with consent", undone, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsRestart, MaxDisruption: restart}, Restart},
		{"remapped, in the same run", undone, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsRestart, MaxDisruption: restart, SameRun: true}, Restart},
		{"restarted, then the run was killed", wasUp, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsRestart, MaxDisruption: reload}, Finish},
		{"the restart was not begun", asked, Scene{Text: TextPlanned, Unit: up, Engine: EngineRestored, MaxDisruption: none}, RestoreFile},

		{"dockerd ended on a reload", ended, Scene{Text: TextOld, Unit: hanging, SameRun: true}, Start},
		{"dockerd ended on a reload, and failed too often since", ended, Scene{Text: TextOld, Unit: limited}, Start},
		{"dockerd ended on a reload, and then the user stopped Docker", ended, Scene{Text: TextOld, Unit: inactive}, RestoreFile},
		{"dockerd ended on a reload, and was started", ended, Scene{Text: TextOld, Unit: up, Engine: EngineRestored, MaxDisruption: reload}, RestoreFile},
		{"a stop by the user", running, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: restart}, RestoreFile},
		{"a stop by the user, in the same run", running, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: reload, SameRun: true}, RestoreFile},
		{"a stop by the user, old text", running, Scene{Text: TextOld, Unit: inactive, MaxDisruption: restart}, RestoreFile},
		{"a stop after our restart came up", wasUp, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: restart}, RestoreFile},
		{"a stop after our restart was asked for", asked, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: restart}, RestoreFile},
		{"our job is canceled, in the same run", asked, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: restart, SameRun: true}, Start},
		{"our restart fails, in the same run", asked, Scene{Text: TextPlanned, Unit: exited, MaxDisruption: restart, SameRun: true}, Start},
		{"our restart meets the start limit, in the same run", asked, Scene{Text: TextPlanned, Unit: limited, MaxDisruption: restart, SameRun: true}, Start},
		{"our restart failed, and the run was killed", asked, Scene{Text: TextPlanned, Unit: exited, MaxDisruption: none}, Start},
		{"our restart met the start limit, and the run was killed", asked, Scene{Text: TextOld, Unit: limited, MaxDisruption: none}, Start},
		{"our start back failed", undoing, Scene{Text: TextOld, Unit: exited, MaxDisruption: reload}, Start},
		{"our start back was not begun, and the failure was reset", undoing, Scene{Text: TextOld, Unit: inactive, MaxDisruption: reload}, Start},
		{"our restart failed, and another program wrote since", asked, Scene{Text: TextForeign, Unit: exited, MaxDisruption: none}, Start},
		{"our restart hangs", asked, Scene{Text: TextPlanned, Unit: hanging, MaxDisruption: reload}, Start},
		{"dockerd ends from our text", running, Scene{Text: TextPlanned, Unit: exited, MaxDisruption: reload}, Start},
		{"dockerd ends from our way back", failing, Scene{Text: textWayBack, Unit: exited, MaxDisruption: reload}, Start},
		{"dockerd hangs from our text", running, Scene{Text: TextPlanned, Unit: hanging, MaxDisruption: reload}, Start},
		{"dockerd ends from the old text, which we did not load", running, Scene{Text: TextOld, Unit: exited, MaxDisruption: restart}, RestoreFile},
		{"dockerd hangs from the old text", running, Scene{Text: TextOld, Unit: hanging, MaxDisruption: restart}, RestoreFile},
		{"another program's start limit, with our text", running, Scene{Text: TextPlanned, Unit: limited, MaxDisruption: restart}, RestoreFile},
		{"another program's start limit, in the same run", running, Scene{Text: TextPlanned, Unit: limited, MaxDisruption: reload, SameRun: true}, RestoreFile},
		{"another program's start limit, after our restart came up", wasUp, Scene{Text: TextPlanned, Unit: limited, MaxDisruption: restart}, RestoreFile},
		{"dockerd killed by another program", running, Scene{Text: TextPlanned, Unit: shot, MaxDisruption: restart}, RestoreFile},
		{"down, another program's text", running, Scene{Text: TextForeign, Unit: exited, MaxDisruption: restart}, Leave},

		{"down, and another program's text has our settings", running, Scene{Text: TextForeign, Carry: CarriesSettings, Unit: exited, MaxDisruption: none}, RestoreFile},
		{"another program's text has our settings, and the next plan can finish", running, Scene{Text: TextForeign, Carry: CarriesSettings, Unit: up, MaxDisruption: restart}, Leave},
		{"another program's text has our settings, and the run failed", failing, Scene{Text: TextForeign, Carry: CarriesSettings, Unit: up, MaxDisruption: none}, RestoreFile},
		{"another program's text has userns-remap, not in effect", running, Scene{Text: TextForeign, Carry: CarriesRestart, Unit: up, MaxDisruption: restart}, RestoreFile},
		{"another program's text cannot be parsed", failing, Scene{Text: TextForeign, Carry: CarriesUnknown, Unit: up, MaxDisruption: restart}, Leave},
		{"another program's text without our settings", undone, Scene{Text: TextMerged, Unit: up, Engine: EngineNeedsRestart, MaxDisruption: restart}, Leave},
		{"down with another program's text without our settings", undoing, Scene{Text: TextMerged, Unit: exited, MaxDisruption: none}, Start},
		{"Docker was stopped, and another program wrote", stopped, Scene{Text: TextForeign, Carry: CarriesRestart, Unit: inactive, MaxDisruption: none}, Leave},

		{"Docker was stopped, and written", stopped, Scene{Text: TextPlanned, Unit: inactive, MaxDisruption: reload}, Leave},
		{"Docker was stopped, and not written", stopped, Scene{Text: TextOld, Unit: inactive, MaxDisruption: reload}, RestoreFile},
		{"Docker was stopped, and fails since", stopped, Scene{Text: TextPlanned, Unit: exited, MaxDisruption: restart}, Leave},
		{"Docker was stopped, written, and started since", stopped, Scene{Text: TextPlanned, Unit: up, Engine: EngineNeedsReload, MaxDisruption: reload}, Finish},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Decide(test.j, test.s); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// No journal and no host leads to a restart of Docker without consent, or to the start of
// a Docker that was stopped while it ran.
func TestFault_X01_NoWayBackWithoutConsent(t *testing.T) {
	flip := []bool{false, true}
	for _, engine := range []*state.JournalEngine{nil, {}} {
		for _, restarting := range flip {
			for _, restarted := range []string{"", "2"} {
				for i, failed := range slices.Concat(flip, flip) {
					starting := i > 1
					j := state.Journal{Engine: engine, Restarting: restarting, Restarted: restarted, Failed: failed, Starting: starting}
					for _, state := range []string{"active", "inactive", "failed", "activating"} {
						for i, text := range []Text{TextForeign, TextOld, TextPlanned, textWayBack, TextMerged, TextForeign, TextForeign} {
							for _, is := range []Engine{EngineUnknown, EngineRestored, EngineNeedsReload, EngineNeedsRestart} {
								for _, most := range []config.Disruption{config.DisruptionNone, config.DisruptionReload, config.DisruptionRestart} {
									s := Scene{Text: text, Carry: []Carry{5: CarriesSettings, 6: CarriesRestart}[i], Unit: host.Unit{ActiveState: state}, Engine: is, MaxDisruption: most}
									w := Decide(j, s)
									bad := w == Restart && (most < config.DisruptionRestart || !s.Unit.Running()) ||
										(w == Reload || w == Finish) && (most < config.DisruptionReload || !s.Unit.Running()) ||
										w == Start && (s.Unit.Running() || engine == nil || state == "inactive" && !starting) ||
										(text == TextForeign || text == TextMerged) && w != Leave && w != Start && (w != RestoreFile || s.Carry == CarriesNothing)
									if bad {
										t.Errorf("got %s for %+v of %+v", w, s, j)
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestFault_X01_TargetOfTheWayBack(t *testing.T) {
	runsc := map[string]daemonjson.Runtime{"runsc": {Path: "/x/runsc"}}
	memory := &state.JournalEngine{Default: "runsc", Runtimes: runsc, Remap: config.RemapOff, Root: "/var/lib/docker", Others: map[string]daemonjson.Runtime{"nvidia": {Path: "/n"}}}
	here, other := host.Unit{ActiveState: "active", InvocationID: "1"}, host.Unit{ActiveState: "active", InvocationID: "2"}
	for _, test := range []struct {
		name  string
		j     state.Journal
		unit  host.Unit
		old   string
		flags commandline.Flags
		want  steps.Settings
		known bool
		text  string // of ReloadText
	}{
		{
			name: "the same dockerd: its settings in memory, with the definition of its default",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: here, old: `{"debug": false}`, known: true,
			want: steps.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/x/runsc"}, "nvidia": {Path: "/n"}}, Remap: config.RemapOff, Root: "/var/lib/docker"},
			text: `{"debug": false, "default-runtime": "runsc", "runtimes": {"nvidia": {"path": "/n"}, "runsc": {"path": "/x/runsc"}}}`,
		},
		{
			name: "the same dockerd, with fewer runtimes than the file",
			j:    state.Journal{Invocation: "1", Engine: &state.JournalEngine{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOff}, Runtimes: []string{"runsc"}},
			unit: here, old: `{"runtimes": {"runsc": {"path": "/y"}}}`, known: true,
			want: steps.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"runtimes": {}, "default-runtime": "runc"}`,
		},
		{
			name: "another start: the settings of the file",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: `{"debug": false}`, known: true,
			want: steps.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"debug": false, "default-runtime": "runc", "runtimes": {}}`,
		},
		{
			name: "a journal without the start: the settings of the file",
			j:    state.Journal{Engine: memory, Runtimes: []string{"runsc"}}, unit: here, old: `{"runtimes": {"runsc": {"path": "/y"}}, "default-runtime": "runsc"}`, known: true,
			want: steps.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/y"}}, Remap: config.RemapOff},
			text: `{"runtimes": {"runsc": {"path": "/y"}}, "default-runtime": "runsc"}`,
		},
		{
			name: "another start: the file and the flags",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: ``, known: true,
			flags: commandline.Flags{DefaultRuntime: "runsc", AddRuntimes: map[string]string{"runsc": "/f"}, UsernsRemap: "default"},
			want:  steps.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOn},
			text:  "{\n    \"default-runtime\": \"runsc\"\n}\n",
		},
		{
			name: "another start, and a default that the file does not define",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: `{"default-runtime": "runsc"}`,
			want: steps.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"runtimes": {}}`,
		},
		{
			name: "the data root of the same userns-remap",
			j:    state.Journal{Invocation: "1", Restarting: true, Engine: &state.JournalEngine{Default: "runc", Remap: config.RemapOn, Root: "/r/1.1"}}, unit: other, old: `{"userns-remap": "default"}`, known: true,
			want: steps.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOn, Root: "/r/1.1"},
			text: `{"userns-remap": "default", "default-runtime": "runc"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, known := Target(test.j, test.unit, []byte(test.old), test.flags)
			if diff := cmp.Diff(test.want, got); diff != "" || known != test.known {
				t.Errorf("known %t, want %t (-want +got):\n%s", known, test.known, diff)
			}
			text, err := activation.ReloadText([]byte(test.old), got, test.flags)
			if err != nil || string(text.Bytes()) != test.text {
				t.Errorf("reload text: got %s, %v\nwant %s", text.Bytes(), err, test.text)
			}
		})
	}
}
