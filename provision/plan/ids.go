package plan

import (
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/verify"
)

// Grant allocates the ids for containers, if userns-remap is wanted. The error is a *blocked.Refused that says
// what the user must do.
func (g Goal) Grant() (subid.Grant, error) {
	value, e := g.Config.Docker.UsernsRemap, g.Observed.Engine
	request := subid.Request{
		Value: value, Create: value == config.RemapDefault, Advice: config.RemapDefault,
		InEffect: e != nil && e.UsernsRemap, HasData: g.Observed.RemapRoots > 0,
	}
	request.User, request.Group = config.RemapNames(value)
	request.Dedicated = request.User == config.RemapAccount
	if request.InEffect {
		var uid, gid uint32
		if n, _ := fmt.Sscanf(filepath.Base(e.RootDir), "%d.%d", &uid, &gid); n == 2 && uid == gid {
			request.PreferredStart = uid
		}
	}
	return subid.Allocate(g.Observed.IDs, request)
}

// grantSteps are the steps that create the account and the ranges of g.
func grantSteps(g subid.Grant) []steps.Step {
	var all []steps.Step
	if g.Create {
		all = append(all, steps.AddAccount{Name: g.Account.Name, GroupExists: g.Grouped})
	}
	for _, edit := range g.Edits {
		all = append(all, steps.EditIDs{Edit: edit})
	}
	return all
}

// RemappedRoot is the data root of a dockerd that maps containers to the ids of g; data is its data root
// without userns-remap.
func RemappedRoot(data string, g subid.Grant) string {
	return filepath.Join(data, fmt.Sprintf("%d.%d", g.UIDs[0].Start, g.GIDs[0].Start))
}

// UIDMap is /proc/PID/uid_map of a process in a container with these uids.
func UIDMap(uids []subid.Range) []verify.IDRange {
	var lines []verify.IDRange
	var inside uint32
	for _, r := range uids {
		lines = append(lines, verify.IDRange{Inside: inside, Outside: r.Start, Length: r.Count})
		inside += r.Count
	}
	return lines
}
