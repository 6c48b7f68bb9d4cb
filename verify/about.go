package verify

// About returns the question that a check answers, to follow "It asks", or ""
// for an unknown check.
func About(check string) string { return about[check] }

var about = map[string]string{
	CheckRuntime:    "whether dockerd created the container with a runtime that is runsc of a release verified at installation",
	CheckProcess:    "whether the process that dockerd names belongs to the container, and did not change during the look",
	CheckExecutable: "whether that process executes a file of the release, by device and inode, or a deleted file with the same digest",
	CheckArguments:  "whether it was started as a sandbox, for this container and no other",
	CheckNamespaces: "whether it has left the host's namespaces, even if the container shares some of them",
	CheckRoot:       "whether its root is the empty file system of a sandbox, not a container's image",
	CheckSeccomp:    "whether the kernel filters its system calls",
	CheckPrivileges: "whether it can no longer gain privileges by executing a program",
	CheckCaps:       "whether it has none of the capabilities that only root on the host needs",
	CheckUIDMap:     "whether its ids, and those of every other process of the container, are the ones that userns-remap gives",
	CheckMembers:    "whether every other process of the container runs from the same release",
	CheckGofer:      "whether the process that opens files for the sandbox is confined too",
}
