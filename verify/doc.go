// Package verify says, from the host, whether a container's processes run in
// a gVisor sandbox of a known release.
//
// It guarantees that a container counts as sandboxed only when several things
// agree that no name can stand in for: the runtime dockerd created it with is
// a file of a known release, and so, by device and inode, is what the
// container's first process and every other process of its own executes; that
// process carries the container's full ID, has namespaces, a root file system
// and a system call filter of its own, and was the same process before and
// after the look. Anything that could not be read makes the answer Unknown,
// never Sandboxed.
//
// It never writes, never signals a process, never matches a process by comm,
// and opens nothing but /proc, the runtimes it is asked to resolve, and the
// deleted executable of a process, through /proc. Reading (FS) is apart from
// judging (Judge, NewReport), which is pure.
//
// Outside the claim are those who are root on the host, and with them whoever
// may talk to dockerd's socket: they can rename runtimes and rewrite what a
// process shows of itself.
package verify
