package wayback

import (
	"os"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// NewJournal returns the journal of p for the observed host. names are the managed
// runtimes, and trial is the name of the container of the proof through Docker.
func NewJournal(p plan.Plan, o host.Observed, names []string, trial string) state.Journal {
	j := state.Journal{
		SchemaVersion: state.JournalSchema, Started: time.Now().UTC(), PID: os.Getpid(), Runtimes: names, Trial: trial,
		File: state.JournalFile{Place: o.File.Place(), OldDigest: durable.Digest(o.File.Bytes)},
	}
	if o.Link.Kind == release.LinkOurs {
		j.Link.Release, j.Link.Target = o.Link.Release, o.Link.Target
	}
	j.Link.Path = o.Link.Path
	for _, step := range p.Steps {
		switch s := step.(type) {
		case steps.WriteDaemonJSON:
			j.File.NewDigests = append(j.File.NewDigests, durable.Digest(s.New))
		case steps.Link:
			j.Link.Changes = true
		case steps.WriteBuilds:
			addBuilds(&j, s, *o.BuildKit)
		}
	}
	j.File.Sets = valuesOf(p, names)
	if o.Engine != nil {
		j.Invocation = o.Unit.InvocationID
		j.Engine = &state.JournalEngine{Default: o.Engine.DefaultRuntime, Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOf(o.Engine.UsernsRemap), Root: o.Engine.RootDir}
		for _, name := range names {
			if r, found := o.Engine.Runtimes[name]; found {
				j.Engine.Runtimes[name] = daemonjson.Runtime{Path: r.Path, Args: r.Args}
			}
		}
		j.Engine.Others = otherRuntimes(*o.Engine, names)
	}
	return j
}

// otherRuntimes returns the runtimes of info that are not managed, have a path and are not
// dockerd's own.
func otherRuntimes(info engine.Info, names []string) map[string]daemonjson.Runtime {
	found := map[string]daemonjson.Runtime{}
	for name, r := range info.Runtimes {
		own := name == config.RuncRuntime || strings.Contains(name, ".")
		if !own && r.Path != "" && !slices.Contains(names, name) && daemonjson.CheckName(name) == nil {
			found[name] = daemonjson.Runtime{Path: r.Path, Args: r.Args}
		}
	}
	return found
}

// addBuilds describes a write of the program or of the drop-in.
func addBuilds(j *state.Journal, s steps.WriteBuilds, seen buildkit.Seen) {
	if j.Builds == nil {
		used := seen.Environment.Mentions(seen.Program.Path)
		j.Builds = &state.JournalBuilds{Used: used, Uses: used}
	}
	text := &state.JournalText{Path: s.Path, Before: textOf(s.Old), After: textOf(s.New)}
	if s.DropIn {
		j.Builds.DropIn, j.Builds.Uses = text, s.New != nil
	} else {
		j.Builds.Program = text
	}
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}
