package verify

// About says what a check asks, to follow "It asks"; "" where there is no such
// check.
func About(check string) string { return about[check] }

var about = map[string]string{
	CheckRuntime:    "whether the name of the runtime that dockerd created the container with means runsc of a release that was verified when it was installed",
	CheckProcess:    "whether the process that dockerd names is the container's, and the same one before and after the look",
	CheckExecutable: "whether that process executes a file of the release, by device and inode, or one that was deleted and has its digest",
	CheckArguments:  "whether it was started as a sandbox, for this container and no other",
	CheckNamespaces: "whether it has left the host's namespaces, whatever the container shares",
	CheckRoot:       "whether it has moved into an empty root file system, as sandboxes do, and not into a container's image",
	CheckSeccomp:    "whether the kernel filters its system calls",
	CheckPrivileges: "whether it has given up to gain privileges by executing something",
	CheckCaps:       "whether it holds none of the capabilities that only root of the host needs",
	CheckUIDMap:     "whether its ids are those that userns-remap gives, and so those of every other process of the container",
	CheckMembers:    "whether nothing else runs for the container than what is of the same release",
	CheckGofer:      "whether the process that opens files for the sandbox is confined as well",
}
