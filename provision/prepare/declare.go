package prepare

import (
	"bytes"
	"encoding/json"
	"errors"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// DeclareError refuses a daemon.json that cannot be replaced. Where another program makes it
// from a description of the system, the user can add Lines there.
type DeclareError struct {
	Refused *blocked.Refused
	Lines   string // a JSON object with the settings that daemon.json must have
	// Placeholder says that the path of the release in Lines is not known yet.
	Placeholder bool
}

func (e *DeclareError) Error() string { return e.Refused.Error() }

func (e *DeclareError) Unwrap() error { return e.Refused }

// withDeclaration adds to a refusal to replace daemon.json what must be in it: the settings of
// doc, the last text of p. Other errors stay as they are.
func withDeclaration(err error, doc daemonjson.Document, p plan.Plan) error {
	var refused *blocked.Refused
	if !errors.As(err, &refused) {
		return err
	}
	return &DeclareError{Refused: refused, Lines: declaration(doc, p), Placeholder: p.Provisional}
}

// declaration has the settings of doc that p changes, as indented JSON.
func declaration(doc daemonjson.Document, p plan.Plan) string {
	changed := map[string]bool{}
	for _, step := range p.Steps {
		if write, is := step.(steps.WriteDaemonJSON); is {
			for _, item := range write.Items {
				changed[item] = true
			}
		}
	}
	type runtime struct {
		Path string   `json:"path,omitempty"`
		Args []string `json:"runtimeArgs,omitempty"`
	}
	var settings struct {
		Runtimes       map[string]runtime `json:"runtimes,omitempty"`
		DefaultRuntime string             `json:"default-runtime,omitempty"`
		UsernsRemap    string             `json:"userns-remap,omitempty"`
	}
	settings.Runtimes = map[string]runtime{}
	for name, r := range doc.Runtimes() {
		if changed[config.RuntimeItem(name)] {
			settings.Runtimes[name] = runtime{r.Path, r.Args}
		}
	}
	if changed[config.ItemDefaultRuntime] {
		settings.DefaultRuntime, _ = doc.DefaultRuntime()
	}
	if changed[config.ItemUsernsRemap] {
		settings.UsernsRemap, _ = doc.UsernsRemap()
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(settings); err != nil {
		panic(err) // strings always encode
	}
	return text.String()
}
