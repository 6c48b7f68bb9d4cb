// Package verify guarantees that a container it calls sandboxed runs in a
// gVisor sandbox of a known release, as seen from the host.
//
// A container counts as sandboxed only when several facts agree that a name
// cannot fake. The runtime that dockerd created it with is a file of a known
// release. So, by device and inode, is what the container's first process and
// each of its other processes execute. The first process carries the
// container's full ID, has its own namespaces, root file system and system call
// filter, and was the same process before and after the look. If anything could
// not be read, the answer is Unknown, never Sandboxed.
//
// It never writes, never signals a process, and never matches a process by
// comm. It opens only /proc, the runtimes it is asked to resolve, and, through
// /proc, the deleted executable of a process. Reading (FS) is separate from
// judging (Judge, NewReport), which is pure.
//
// It makes no claim against root on the host, or against anyone who may use
// dockerd's socket, which amounts to root: they can rename runtimes and rewrite
// what a process shows of itself.
package verify
