package provision

import (
	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

// rememberLoaded keeps l for later looks. Without it less is known and more is
// held, so that an error is only logged.
func (pr *Provisioner) rememberLoaded(l state.Loaded) {
	if err := pr.State().WriteLoaded(l); err != nil {
		pr.Logger().Debug("what dockerd has loaded is not remembered", zap.Error(err))
	}
}

// rememberReload notes that the dockerd of invocation has read text again.
func (pr *Provisioner) rememberReload(invocation string, text []byte) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return
	}
	l, err := pr.State().ReadLoaded()
	if err != nil || l.Invocation != invocation {
		l = state.Loaded{SchemaVersion: state.LoadedSchema, Invocation: invocation}
	}
	now := host.Digests(invocation, doc)
	// What the text leaves out keeps the value that dockerd has.
	for option, digest := range l.Hot() {
		if _, again := now[option]; !again && !host.ResetsOnReload(option) && option != host.OptionFeatures {
			now[option] = digest
		}
	}
	l.Reloaded = now
	pr.rememberLoaded(l)
}
