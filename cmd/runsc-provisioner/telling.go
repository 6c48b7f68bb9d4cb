package main

import (
	"errors"
	"slices"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// runReport prints what apply and prove do, while they do it.
type runReport struct {
	app         *app
	json        bool
	progress    *progress
	started     time.Time
	planPrinted bool // a plan was printed
	done        []doneStep
	savedTo     string
	notes       []string // about the configuration and the flags
	// recovered says what was done about a killed run.
	recovered string
	// setAside says which recovery failed, and where its journal is.
	setAside string
	// mended says which records could not be used, and where they are now.
	mended []string
	// losing names the running containers that go on losing what they write, or
	// losingErr says why that is not known.
	losing    []string
	losingErr error
	// down are the containers that stayed down because dockerd did not find their runtime. downUnseen says why there
	// may be others; "" if there are none.
	down       []host.NotStarted
	downUnseen string
	// toSwitch is what the run's change of the default runtime means for existing containers; nil if it makes none.
	toSwitch *difference.Switch
}

// doneStep is one step in the JSON report.
type doneStep struct {
	Action  string  `json:"action"`
	Object  string  `json:"object"`
	Seen    string  `json:"seen,omitempty"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

func newRunReport(a *app, format string, noProgress bool) *runReport {
	draws := a.terminal && !noProgress && format != "json"
	return &runReport{app: a, json: format == "json", done: []doneStep{}, progress: &progress{to: &a.console, draws: draws}, started: time.Now()}
}

func (t *runReport) event(e provision.Event) {
	switch e.Kind {
	case provision.PlanMade:
		t.planMade(e.Plan)
	case provision.StepProgress:
		t.progress.move(e.Step, e.Fetched)
	case provision.StepDone:
		t.stepDone(e)
	case provision.RollingBack:
		if !t.json {
			t.app.printf("%s putting everything back as it was\n", t.app.style(red, "!"))
		}
	case provision.Recovered:
		t.recovered = e.Text
		if !t.json {
			t.app.printf("%s %s\n", t.app.style(yellow, "!"), printable(e.Text))
		}
	case provision.Abandoned:
		t.setAside = e.Text
		if !t.json {
			t.app.printf("%s %s\n", t.app.style(yellow, "!"), printable(e.Text))
		}
	case provision.Mended:
		t.mended = append(t.mended, e.Text)
		if !t.json {
			t.app.printf("%s %s\n", t.app.style(yellow, "!"), printable(e.Text))
		}
	case provision.StepStarted:
	}
}

// planMade prints the first plan. A later plan of the same run only goes on with
// what the first one could not know.
func (t *runReport) planMade(plan plan.Plan) {
	if plan.Switch != nil {
		t.toSwitch = plan.Switch
	}
	if !t.json && t.planPrinted {
		t.app.printSwitch(plan.Switch)
	}
	if t.json || t.planPrinted {
		return
	}
	t.planPrinted = true
	t.app.printPlan(plan)
	t.app.printf("\n")
}

func (t *runReport) stepDone(e provision.Event) {
	t.progress.end()
	step := doneStep{Action: e.Step.Kind().Action, Object: e.Step.Object(), Seen: e.Text, Seconds: e.Took.Seconds()}
	if e.Err != nil {
		step.Error = e.Err.Error()
	}
	t.done = append(t.done, step)
	if t.json {
		return
	}
	mark, text := t.app.style(green, "✓"), e.Step.Object()
	if e.Err != nil {
		mark = t.app.style(red, "✗")
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	t.app.printf("%s %-8s %s %s\n", mark, e.Step.Kind().Action, printable(text), t.app.style(faint, "("+durationText(e.Took)+")"))
}

func (t *runReport) flagsSaved(path string) {
	t.savedTo = path
	if !t.json {
		t.app.printf("flags saved to %s\n", path)
	}
}

// failed prints the JSON report of a run that ends with err. The caller explains
// err on standard error, as always.
func (t *runReport) failed(result provision.Result, err error) error {
	t.progress.end()
	if t.json {
		return errors.Join(err, t.printJSON(result, err))
	}
	return err
}

// finish prints the summary. If something is held, the exit code is 4.
func (t *runReport) finish(result provision.Result) error {
	t.progress.end()
	t.app.eachOutput((*output).keepAll)
	if t.json {
		if err := t.printJSON(result, nil); err != nil {
			return err
		}
	} else {
		t.printSummary(result)
	}
	if len(result.Last.Held) > 0 {
		return exitError(exitHeld)
	}
	return nil
}

func (t *runReport) printSummary(result provision.Result) {
	if !result.Changed {
		t.app.printPlan(result.Last)
		return
	}
	t.app.printHeld(result.Last.Held)
	t.app.printNotes(t.notes)
	if result.Observed.Engine == nil {
		t.app.printf("changed in %s, and not confirmed: Docker is not running\n\ntry:  sudo systemctl start docker\n      sudo runsc-provisioner apply\n", durationText(time.Since(t.started)))
		return
	}
	t.printLosing()
	t.printNotStarted()
	t.printKeeping(result)
	if len(result.Last.Held) > 0 {
		t.app.printf("done in %s, except what is held\n", durationText(time.Since(t.started)))
		return // what the user wants may be what is held
	}
	t.app.printf("done in %s\n\ntry:  %s\n      runsc-provisioner verify\n", durationText(time.Since(t.started)), exampleRun(result.Observed))
}

// exampleRun is a command that starts a container in a sandbox.
func exampleRun(o host.Observed) string {
	path := o.Engine.Runtimes[o.Engine.DefaultRuntime].Path
	if slices.ContainsFunc(o.Releases, func(r release.Installed) bool { return r.Runsc == path }) {
		return "docker run --rm hello-world"
	}
	return "docker run --rm --runtime=" + config.DefaultRuntimeName + " hello-world"
}

// printLosing names the containers that were started before their runtime kept writes.
func (t *runReport) printLosing() {
	mark := t.app.style(yellow, "!")
	if t.losingErr != nil {
		t.app.printf("%s whether running containers go on losing what they write is not known (runsc-provisioner verify shows it): %s\n", mark, printable(t.losingErr.Error()))
	}
	for _, name := range t.losing {
		name = verify.Printable(name)
		t.app.printf("%s container %s started before its runtime kept writes, and goes on losing what it writes: %s\n", mark, name, audit.RestartToKeep(name))
	}
}

func (t *runReport) addNotStarted(down []host.NotStarted, partial bool, err error) {
	t.down = down
	switch {
	case err != nil:
		t.downUnseen = "stopped containers were not looked at: " + err.Error()
	case partial:
		t.downUnseen = checkup.StoppedUnseen
	}
}

// printNotStarted names the containers that stayed down because dockerd did not find their runtime.
func (t *runReport) printNotStarted() {
	mark := t.app.style(yellow, "!")
	for i, one := range t.down {
		if i == maxNames {
			t.app.printf("%s … and %d more (runsc-provisioner status lists them)\n", mark, len(t.down)-maxNames)
			break
		}
		t.app.printf("%s container %s did not start: %s: %s\n", mark, verify.Printable(one.Name), checkup.WhyNotStarted(one), checkup.StartRemedy(one))
	}
	if t.downUnseen != "" {
		t.app.printf("%s %s\n", mark, printable(t.downUnseen))
	}
}

func (t *runReport) printJSON(result provision.Result, failure error) error {
	t.app.eachOutput((*output).keepAll)
	message, unknown := "", ""
	if failure != nil {
		message = failure.Error()
	}
	if t.losingErr != nil {
		unknown = t.losingErr.Error()
	}
	return printJSON(t.app.stdout, struct {
		SchemaVersion int                `json:"schema_version"`
		Changed       bool               `json:"changed"`
		Steps         []doneStep         `json:"steps"`
		Left          plan.Plan          `json:"left"`
		Recovered     string             `json:"recovered,omitempty"`
		SetAside      string             `json:"set_aside,omitempty"`
		Mended        []string           `json:"mended,omitempty"`
		SavedTo       string             `json:"saved_to,omitempty"`
		Losing        []string           `json:"losing_writes,omitempty"`
		LosingUnknown string             `json:"losing_writes_unknown,omitempty"`
		NotStarted    []host.NotStarted  `json:"not_started,omitempty"`
		Switch        *difference.Switch `json:"switch,omitempty"`
		Seconds       float64            `json:"seconds"`
		Error         string             `json:"error,omitempty"`
	}{schemaVersion, result.Changed, t.done, result.Last, t.recovered, t.setAside, t.mended, t.savedTo, t.losing, unknown, t.down, t.toSwitch, time.Since(t.started).Seconds(), message})
}
