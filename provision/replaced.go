package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/daemonfile"
)

// A directory is replaced by two renames, and in between there is none. To make
// it then would have the second rename, which mv(1) gives a directory, end inside
// of ours: the edit that was to come with it would be lost. So a directory that
// is gone is waited for. A program that takes longer finds ours, and that is
// told: see misplaced.
const dirReplaceTimeout = 2 * time.Second

// waitForDir waits for daemon.json to come back with its directory, and reports
// whether it did: after mkdir(1) comes the file. On a host that was never made to be anything it may never have
// been there, and is not waited for.
func (pr *Provisioner) waitForDir(ctx context.Context, path string) (back bool, err error) {
	if !pr.ConfigFiles().Accepted().Found {
		return false, nil
	}
	pr.Logger().Debug("waiting for a directory that is gone")
	return daemonfile.Appears(ctx, path, dirReplaceTimeout)
}
