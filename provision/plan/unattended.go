package plan

import (
	"fmt"

	"runsc-provisioner/provision/config"
)

// Unattended limits a run that no person watches.
type Unattended struct {
	MaxDisruption config.Disruption // steps that disturb more are held
	// Contested says, by item, why another program's change is no longer undone.
	Contested map[string]string
	// NoRestart says why Docker is not restarted now, although MaxDisruption allows it.
	NoRestart string
	// NoReload says why Docker is neither reloaded nor restarted now, although MaxDisruption allows it.
	NoReload string
	// NoFetch says why no release is fetched now.
	NoFetch string
}

// objection says why this run must not disturb as much as d; "" if it may.
func (o Options) objection(d config.Disruption) string {
	u := o.Unattended
	switch {
	case u == nil:
		return ""
	case d > u.MaxDisruption:
		return fmt.Sprintf("it needs a %s of Docker, and max_disruption is %s; `runsc-provisioner apply` does it", d, u.MaxDisruption)
	case d >= config.DisruptionReload && u.NoReload != "":
		return u.NoReload
	case d == config.DisruptionRestart:
		return u.NoRestart
	}
	return ""
}

// contestedReason says why item stays as another program changed it; "" if it is not contested.
func (o Options) contestedReason(item string) string {
	if o.Unattended == nil {
		return ""
	}
	return o.Unattended.Contested[item]
}
