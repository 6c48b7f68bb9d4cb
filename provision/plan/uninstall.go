package plan

import (
	"cmp"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/earlier"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// Uninstall is what a plan that takes this program off a host needs beside an observation.
type Uninstall struct {
	// Purge also removes releases, records, the account and its ids.
	Purge bool
	// AssumeUnset takes settings for unset whose earlier value no record has.
	AssumeUnset bool
	// Containers are those of Docker in any state, with the runtime that they were created with.
	Containers []Container
	// Service is the unit of this program's daemon.
	Service host.Unit
	// Recorded says that records have something that this program manages.
	Recorded bool
	// Gone are the runtimes that this run has taken away before.
	Gone []string
	// Elsewhere are files that dockerd read as daemon.json before, and that still name a release.
	Elsewhere []string
	// Own are the existing files and directories that Purge removes last.
	Own []string
}

// Container is a container of Docker, and the name of its runtime.
type Container struct {
	Name, Runtime string
	Running       bool
}

// NewUninstall plans the way back to the host as it was before this program: to the settings before. gone is
// WithoutProgram. If a part is held, so is all of it. The error is a *blocked.Refused.
func NewUninstall(c, gone config.Config, o host.Observed, before earlier.Settings, opts Options) (Plan, error) {
	p := &planner{Goal: Goal{Config: gone, Observed: o, options: opts}}
	p.plan.Unfinished, p.plan.Warnings = unfinishedOf(o.Journal), before.Notes
	p.holdUnrecorded(before.Unrecorded)
	p.holdFlag(before)
	for _, path := range p.options.Uninstall.Elsewhere {
		p.hold(steps.Held{What: path, Why: "dockerd read it as daemon.json before, and it still names a release of this program: take our runtimes and the default runtime out of it, or remove it, then run uninstall again"})
	}
	p.holdUsed(before.Runtimes)
	p.addService()
	if err := p.addDocker(before); err != nil {
		return Plan{}, err
	}
	p.addLeftovers(c, len(p.plan.Steps) > 0)
	if len(p.plan.Held) > 0 {
		p.plan.Steps = nil
	} else if o.Engine != nil {
		p.warnOfActivated(before.Doc)
	}
	for i, held := range p.plan.Held {
		p.plan.Held[i].Why = strings.ReplaceAll(held.Why, "run apply again", "run uninstall again") // as other plans say
	}
	return p.plan, nil
}

// WithoutProgram is c with the runtimes that NewUninstall takes away, and with what userns-remap and builds become.
func WithoutProgram(c config.Config, o host.Observed, before earlier.Settings) config.Config {
	c.Docker = config.Docker{Runtimes: map[string]config.Runtime{}, DefaultRuntime: config.Off}
	for _, name := range before.Runtimes {
		c.Docker.Runtimes[name] = config.Runtime{}
	}
	if before.ChangesRemap || len(o.IDs.Made) > 0 {
		c.Docker.UsernsRemap = cmp.Or(config.UsernsRemapIn(before.Doc), config.RemapDisabled)
	}
	if o.BuildKit != nil {
		c.Docker.Builds = config.Off
	}
	return c
}

// addService stops the daemon, which would put everything back.
func (p *planner) addService() {
	s := p.options.Uninstall.Service
	if s.Running() || s.Changing() {
		p.add(steps.StopService{Unit: s.Name})
	}
}

// addDocker takes our settings out of daemon.json and dockerd.
func (p *planner) addDocker(before earlier.Settings) error {
	at, final := p.Observed.File.Doc, before.Doc
	builds, objection := p.BuildChange()
	if objection != "" {
		p.hold(steps.Held{What: config.ItemBuilds, Why: objection})
	}
	if p.Observed.Engine == nil {
		p.addStopped(before)
		p.addBuildWrites(builds)
		p.addBuildChecks(buildsWithoutRestart(builds), false)
		p.removeFile(before)
		return nil
	}
	_, remaps, err := p.finalRemap(final)
	if err != nil {
		return err
	}
	if held := p.heldBuildRestart(steps.Held{What: config.ItemBuilds}); builds.Restarts && held.Why != "" {
		p.hold(held)
	}
	all := p.settingsWithout(before, remaps)
	if Differ(at, final) || all.Missing(*p.Observed.Engine) != nil {
		if !p.holdAuthorization(at, final, all) {
			p.holdForgetting(at, final, all)
		}
	}
	if first := p.notTaken(at); (remaps || builds.Restarts) && len(first) > 0 {
		p.addReload(at, steps.Settings{}, true, first...)
	}
	p.addLoad(at, final, all, remaps, builds)
	p.addBuildChecks(builds, false)
	p.removeFile(before)
	return nil
}

// addStopped writes daemon.json while Docker does not run.
func (p *planner) addStopped(before earlier.Settings) {
	at := p.Observed.File.Doc
	if before.ChangesRemap {
		if reason := p.stoppedObjection(); reason != "" {
			p.hold(p.heldRemap(reason))
		}
	}
	if !Differ(at, before.Doc) {
		return
	}
	p.addWrite(at, before.Doc, p.describeWrite(at, before.Doc))
	if p.Observed.Unit.LoadState == "loaded" {
		p.warn("Docker is not running, so nothing confirms the change; it takes effect when Docker starts. Containers that were created with runtime " +
			strings.Join(before.Runtimes, ", ") + " do not start then")
	}
}

// buildsWithoutRestart is a change of builds on a host where Docker does not run.
func buildsWithoutRestart(c buildkit.Change) buildkit.Change {
	c.Restarts = false
	return c
}

// settingsWithout are the settings that dockerd shall run with.
func (p *planner) settingsWithout(before earlier.Settings, remaps bool) steps.Settings {
	want := steps.Settings{Runtimes: map[string]daemonjson.Runtime{}}
	for _, name := range before.Runtimes {
		runtime, has := before.Doc.Runtimes()[name]
		_, flag := p.Observed.Flags.AddRuntimes[name]
		switch {
		case has && runtime.Path != "":
			want.Runtimes[name] = runtime
		case !has && !flag:
			want.Without = append(want.Without, name)
		}
	}
	e := *p.Observed.Engine
	if slices.Contains(before.Runtimes, e.DefaultRuntime) || config.DefaultRuntimeIn(before.Doc) != config.DefaultRuntimeIn(p.Observed.File.Doc) {
		want.Default = activation.DefaultAfter(before.Doc, p.Observed.Flags)
	}
	if remaps {
		want.Remap, want.Root = p.Config.Docker.Remap(), dataroot.Of(e)
		if p.ids != nil {
			want.Root = RemappedRoot(want.Root, *p.ids)
		}
	}
	return want
}

// removeFile removes daemon.json instead of leaving an empty object, if there was none.
func (p *planner) removeFile(before earlier.Settings) {
	if !before.RemovesFile {
		return
	}
	what := "remove the file, which this program made"
	for i, step := range slices.Backward(p.plan.Steps) {
		if write, is := step.(steps.WriteDaemonJSON); is {
			write.New, write.What = nil, write.What+"; "+what
			p.plan.Steps[i] = write
			return
		}
	}
	p.add(steps.WriteDaemonJSON{File: p.Observed.File, Old: p.Observed.File.Bytes, What: what})
}
