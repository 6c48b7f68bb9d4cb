package transaction

import (
	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

// RememberLoaded saves what dockerd has loaded. An error is only logged: without the
// record, later plans know less and hold back more.
func (d *Docker) RememberLoaded(l state.Loaded) {
	if err := d.State().WriteLoaded(l); err != nil {
		d.Logger().Debug("not saved: what dockerd has loaded", zap.Error(err))
	}
}

// rememberReload records that the dockerd of this invocation has reloaded text.
func (d *Docker) rememberReload(invocation string, text []byte) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return
	}
	l, err := d.State().ReadLoaded()
	if err != nil || l.Invocation != invocation {
		l = state.Loaded{SchemaVersion: state.LoadedSchema, Invocation: invocation}
	}
	l.Reloaded = host.Reloaded(l, doc)
	d.RememberLoaded(l)
}
