package provision

import "runsc-provisioner/provision/config"

// HeldByConfig is what a plan holds until a person settles it: settings that were
// in effect and are missing, or a record of them that cannot be used.
func HeldByConfig(in config.InEffect) []Held {
	const what = "configuration"
	switch {
	case in.Lost != nil:
		return []Held{{What: what, Why: in.Lost.Error() + "; the host is kept at them; " + config.GiveUpRemedy}}
	case in.Unsettled():
		return []Held{{What: what, Why: "the record of the accepted configuration cannot be used, so lost settings would not be noticed: " + in.Record.Error() +
			"; check `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"}}
	}
	return nil
}
