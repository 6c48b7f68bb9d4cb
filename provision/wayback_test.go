package provision

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
)

func TestFault_X01_WhatIsDoneAboutAJournal(t *testing.T) {
	var (
		running  = state.Journal{Engine: &state.JournalEngine{}}
		stopped  = state.Journal{}
		failing  = state.Journal{Engine: &state.JournalEngine{}, Failed: true}
		asked    = state.Journal{Engine: &state.JournalEngine{}, Restarting: true}
		wasUp    = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Restarted: "2"}
		undoing  = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Starting: true, Failed: true}
		undone   = state.Journal{Engine: &state.JournalEngine{}, Restarting: true, Restarted: "2", Failed: true}
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
		s    scene
		want way
	}{
		{"killed before the first write", running, scene{text: textOld, unit: up, engine: engineBefore, most: reload}, wayFile},
		{"old text, dockerd has what was taken", running, scene{text: textOld, unit: up, engine: engineReload, most: reload}, wayReload},
		{"old text, and not even a reload is consented to", running, scene{text: textOld, unit: up, engine: engineReload, most: none}, wayFile},
		{"old text that dockerd does not start from", running, scene{text: textOld, unit: up, engine: engineUnseen, most: reload}, wayFile},
		{"written: finished", running, scene{text: textLater, unit: up, engine: engineBefore, most: reload}, wayFinish},
		{"written, and no reload is consented to", running, scene{text: textLater, unit: up, engine: engineBefore, most: none}, wayFile},
		{"written, and dockerd does not take it", running, scene{text: textLater, unit: up, engine: engineBefore, most: reload, refused: true}, wayFile},
		{"half taken, and refused", running, scene{text: textLater, unit: up, engine: engineReload, most: reload, refused: true}, wayReload},
		{"a failed run's text is not finished", failing, scene{text: textLater, unit: up, engine: engineReload, most: reload}, wayReload},
		{"killed on the way back", running, scene{text: textBack, unit: up, engine: engineReload, most: reload}, wayReload},
		{"killed on the way back, which dockerd has taken", running, scene{text: textBack, unit: up, engine: engineBefore, most: reload}, wayFile},
		{"another program's text", failing, scene{text: textForeign, unit: up, engine: engineReload, most: restart}, wayLeave},

		{"remapped, no consent", undone, scene{text: textLater, unit: up, engine: engineRestart, most: reload}, wayAside},
		{"remapped, with consent", undone, scene{text: textLater, unit: up, engine: engineRestart, most: restart}, wayRestart},
		{"remapped, in the same run", undone, scene{text: textLater, unit: up, engine: engineRestart, most: restart, sameRun: true}, wayRestart},
		{"restarted, and then killed", wasUp, scene{text: textLater, unit: up, engine: engineRestart, most: reload}, wayFinish},
		{"the restart was not begun", asked, scene{text: textLater, unit: up, engine: engineBefore, most: none}, wayFile},

		{"a stop by a person", running, scene{text: textLater, unit: inactive, most: restart}, wayFile},
		{"a stop by a person, in the same run", running, scene{text: textLater, unit: inactive, most: reload, sameRun: true}, wayFile},
		{"a stop by a person, old text", running, scene{text: textOld, unit: inactive, most: restart}, wayFile},
		{"a stop after our restart came up", wasUp, scene{text: textLater, unit: inactive, most: restart}, wayFile},
		{"a stop after our restart was asked for", asked, scene{text: textLater, unit: inactive, most: restart}, wayFile},
		{"our job is canceled, in the same run", asked, scene{text: textLater, unit: inactive, most: restart, sameRun: true}, wayStart},
		{"our restart fails, in the same run", asked, scene{text: textLater, unit: exited, most: restart, sameRun: true}, wayStart},
		{"our restart meets the start limit, in the same run", asked, scene{text: textLater, unit: limited, most: restart, sameRun: true}, wayStart},
		{"our restart failed, and the run was killed", asked, scene{text: textLater, unit: exited, most: none}, wayStart},
		{"our restart met the start limit, and the run was killed", asked, scene{text: textOld, unit: limited, most: none}, wayStart},
		{"our start back failed", undoing, scene{text: textOld, unit: exited, most: reload}, wayStart},
		{"our start back was not begun, and the failure was reset", undoing, scene{text: textOld, unit: inactive, most: reload}, wayStart},
		{"our restart failed, and another program wrote since", asked, scene{text: textForeign, unit: exited, most: none}, wayStart},
		{"our restart hangs", asked, scene{text: textLater, unit: hanging, most: reload}, wayStart},
		{"dockerd ends from our text", running, scene{text: textLater, unit: exited, most: reload}, wayStart},
		{"dockerd ends from our way back", failing, scene{text: textBack, unit: exited, most: reload}, wayStart},
		{"dockerd hangs from our text", running, scene{text: textLater, unit: hanging, most: reload}, wayStart},
		{"dockerd ends from the old text, which we did not load", running, scene{text: textOld, unit: exited, most: restart}, wayFile},
		{"dockerd hangs from the old text", running, scene{text: textOld, unit: hanging, most: restart}, wayFile},
		{"another program's start limit, with our text", running, scene{text: textLater, unit: limited, most: restart}, wayFile},
		{"another program's start limit, in the same run", running, scene{text: textLater, unit: limited, most: reload, sameRun: true}, wayFile},
		{"another program's start limit, after our restart came up", wasUp, scene{text: textLater, unit: limited, most: restart}, wayFile},
		{"dockerd killed by another", running, scene{text: textLater, unit: shot, most: restart}, wayFile},
		{"down, another program's text", running, scene{text: textForeign, unit: exited, most: restart}, wayLeave},

		{"Docker was stopped, and written", stopped, scene{text: textLater, unit: inactive, most: reload}, wayLeave},
		{"Docker was stopped, and not written", stopped, scene{text: textOld, unit: inactive, most: reload}, wayFile},
		{"Docker was stopped, and fails since", stopped, scene{text: textLater, unit: exited, most: restart}, wayLeave},
		{"Docker was stopped, written, and started since", stopped, scene{text: textLater, unit: up, engine: engineReload, most: reload}, wayFinish},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := wayBack(test.j, test.s); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// No journal and no host has Docker restarted without consent, nor one started
// that was running when it was stopped.
func TestFault_X01_NoWayBackIsWithoutConsent(t *testing.T) {
	flip := []bool{false, true}
	for _, engine := range []*state.JournalEngine{nil, {}} {
		for _, restarting := range flip {
			for _, restarted := range []string{"", "2"} {
				for i, failed := range slices.Concat(flip, flip) {
					starting := i > 1
					j := state.Journal{Engine: engine, Restarting: restarting, Restarted: restarted, Failed: failed, Starting: starting}
					for _, state := range []string{"active", "inactive", "failed", "activating"} {
						for _, text := range []textIs{textForeign, textOld, textLater, textBack} {
							for _, is := range []engineIs{engineUnseen, engineBefore, engineReload, engineRestart} {
								for _, most := range []config.Disruption{config.DisruptionNone, config.DisruptionReload, config.DisruptionRestart} {
									s := scene{text: text, unit: host.Unit{ActiveState: state}, engine: is, most: most}
									w := wayBack(j, s)
									bad := w == wayRestart && (most < config.DisruptionRestart || !s.unit.Running()) ||
										(w == wayReload || w == wayFinish) && (most < config.DisruptionReload || !s.unit.Running()) ||
										w == wayStart && (s.unit.Running() || engine == nil || state == "inactive" && !starting) ||
										text == textForeign && w != wayLeave && w != wayStart
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

func TestFault_X01_WhatTheWayBackLeadsTo(t *testing.T) {
	runsc := map[string]daemonjson.Runtime{"runsc": {Path: "/x/runsc"}}
	memory := &state.JournalEngine{Default: "runsc", Runtimes: runsc, Remap: config.RemapOff, Root: "/var/lib/docker", Others: map[string]daemonjson.Runtime{"nvidia": {Path: "/n"}}}
	here, other := host.Unit{ActiveState: "active", InvocationID: "1"}, host.Unit{ActiveState: "active", InvocationID: "2"}
	for _, test := range []struct {
		name  string
		j     state.Journal
		unit  host.Unit
		old   string
		flags engine.Flags
		want  plan.Settings
		known bool
		text  string // explicit
	}{
		{
			name: "the same dockerd: what it had in memory, with the definition of its default",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: here, old: `{"debug": false}`, known: true,
			want: plan.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/x/runsc"}, "nvidia": {Path: "/n"}}, Remap: config.RemapOff, Root: "/var/lib/docker"},
			text: `{"debug": false, "default-runtime": "runsc", "runtimes": {"nvidia": {"path": "/n"}, "runsc": {"path": "/x/runsc"}}}`,
		},
		{
			name: "the same dockerd, which knew less than the file has",
			j:    state.Journal{Invocation: "1", Engine: &state.JournalEngine{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOff}, Runtimes: []string{"runsc"}},
			unit: here, old: `{"runtimes": {"runsc": {"path": "/y"}}}`, known: true,
			want: plan.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"runtimes": {}, "default-runtime": "runc"}`,
		},
		{
			name: "another start: what the file gives",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: `{"debug": false}`, known: true,
			want: plan.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"debug": false, "default-runtime": "runc", "runtimes": {}}`,
		},
		{
			name: "a journal that does not say which start: what the file gives",
			j:    state.Journal{Engine: memory, Runtimes: []string{"runsc"}}, unit: here, old: `{"runtimes": {"runsc": {"path": "/y"}}, "default-runtime": "runsc"}`, known: true,
			want: plan.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/y"}}, Remap: config.RemapOff},
			text: `{"runtimes": {"runsc": {"path": "/y"}}, "default-runtime": "runsc"}`,
		},
		{
			name: "another start: the file and the flags",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: ``, known: true,
			flags: engine.Flags{DefaultRuntime: "runsc", AddRuntimes: map[string]string{"runsc": "/f"}, UsernsRemap: "default"},
			want:  plan.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOn},
			text:  "{\n    \"default-runtime\": \"runsc\"\n}\n",
		},
		{
			name: "another start, and a default that the file does not define",
			j:    state.Journal{Invocation: "1", Engine: memory, Runtimes: []string{"runsc"}}, unit: other, old: `{"default-runtime": "runsc"}`,
			want: plan.Settings{Default: "runsc", Runtimes: map[string]daemonjson.Runtime{}, Without: []string{"runsc"}, Remap: config.RemapOff},
			text: `{"runtimes": {}}`,
		},
		{
			name: "the data root of the same userns-remap",
			j:    state.Journal{Invocation: "1", Restarting: true, Engine: &state.JournalEngine{Default: "runc", Remap: config.RemapOn, Root: "/r/1.1"}}, unit: other, old: `{"userns-remap": "default"}`, known: true,
			want: plan.Settings{Default: "runc", Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOn, Root: "/r/1.1"},
			text: `{"userns-remap": "default", "default-runtime": "runc"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tx := transaction{j: test.j, old: []byte(test.old), flags: test.flags}
			got, known := tx.target(test.unit)
			if diff := cmp.Diff(test.want, got); diff != "" || known != test.known {
				t.Errorf("known %t, want %t (-want +got):\n%s", known, test.known, diff)
			}
			text, err := explicit(tx.old, got, tx.flags)
			if err != nil || string(text.Bytes()) != test.text {
				t.Errorf("explicit: got %s, %v\nwant %s", text.Bytes(), err, test.text)
			}
		})
	}
}
