package prepare

import (
	"errors"
	"io/fs"
	"os"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/plan"
)

// checkIDsReplaceable refuses a file of subordinate ids that could not be replaced.
func checkIDsReplaceable(p plan.Plan) error {
	for _, step := range p.Steps {
		s, ok := step.(plan.EditIDs)
		if !ok {
			continue
		}
		info, err := os.Lstat(s.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is made
		}
		if err != nil {
			return &blocked.Refused{Object: s.Path, Err: err}
		}
		if !info.Mode().IsRegular() {
			return blocked.Refuse(s.Path, "is %s, not a regular file: dockerd and useradd each make something else of that", info.Mode().Type())
		}
		if err := daemonfile.CanReplace(s.Path, s.Path, durable.Plain(info.Mode().Perm())); err != nil {
			return err
		}
	}
	return nil
}
