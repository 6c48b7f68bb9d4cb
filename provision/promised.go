package provision

import "runsc-provisioner/verify"

// promisedWrites is what c promises of the changes that a container makes to its
// root file system under the runtime called name. Where c leaves its arguments
// alone, they are args.
func promisedWrites(c Config, name string, args []string) verify.Writes {
	if configured := c.Docker.Runtimes[name].Args; configured != nil {
		args = configured
	}
	return verify.WritesOf(args)
}
