// Command writer is the program of the containers in the tests of kept writes.
//
// It changes a tree of its image in every way that the tests compare, and makes
// files of its own; what it makes is the same at every run, times too. It
// prints what a container sees of its own tree.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: writer change|list|wait|hold|nodes|own DIR, writer put FILES, or writer agent SOCKET")
	}
	dir := args[1]
	switch args[0] {
	case "put":
		return put(args[1:])
	case "change":
		return change(dir)
	case "list":
		return list(dir)
	case "wait":
		return wait()
	case "hold":
		return hold(dir)
	case "nodes":
		return nodes(dir)
	case "own":
		return own(dir)
	case "agent":
		return agent(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// wait says that it is there, and ends when it is told to.
func wait() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	fmt.Println("ready")
	<-stop
	return nil
}

// seed and size are of the binary file: random, of some megabytes, and not a
// multiple of a page.
const (
	seed = 15
	size = 5<<20 + 4321
)

// change changes what the image has below dir and makes new files beside it.
func change(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	steps := []func() error{changeFiles, changeDirs, makeFiles}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return stamp(".")
}

// changeFiles are of the image, so that each is copied up, hidden or replaced.
func changeFiles() error {
	f, err := os.OpenFile("image/append", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("appended\n"); err != nil {
		return err
	}
	return first(
		f.Close(),
		os.Remove("image/delete"),
		os.Truncate("image/truncate", 3),
		unix.Chmod("image/chmod", 0o4751),
		os.Chown("image/chown", 1000, 1001),
		os.Rename("image/rename", "image/renamed"),
		os.Rename("image/over", "image/target"),
		os.Remove("image/to-dir"),
		os.Mkdir("image/to-dir", 0o750),
		os.RemoveAll("image/to-file"),
		os.WriteFile("image/to-file", []byte("a file now\n"), 0o600),
		os.Remove("image/link"),
		os.Symlink("../elsewhere", "image/link"),
		os.Link("image/link-to", "image/linked"),
	)
}

// changeDirs hides, replaces and moves directories of the image.
func changeDirs() error {
	return first(
		os.RemoveAll("image/gone"),
		// Opaque: a new one in the place of the image's.
		os.RemoveAll("image/opaque"),
		os.Mkdir("image/opaque", 0o711),
		os.WriteFile("image/opaque/new", []byte("new\n"), 0o644),
		move("image/moved", "image/moved-there"),
		os.Chmod("image/mode", 0o700),
		os.Lchown("image/mode", 33, 34),
	)
}

// move renames a directory as mv does: overlayfs does not rename what is of a
// lower layer, and says EXDEV (the kernel's overlayfs.rst, "redirect_dir").
func move(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	return first(os.CopyFS(to, os.DirFS(from)), os.RemoveAll(from))
}

// makeFiles makes files that only this container has.
func makeFiles() error {
	if err := os.MkdirAll("new/a/b/c", 0o755); err != nil {
		return err
	}
	f, err := os.Create("new/binary")
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{seed})
	if _, err := io.CopyN(f, random, size); err != nil {
		return err
	}
	return first(
		f.Sync(), f.Close(),
		os.WriteFile("new/empty", nil, 0o640),
		os.WriteFile("new/a/b/c/deep", []byte("deep\n"), 0o604),
		os.Symlink("a/b/c/deep", "new/symlink"),
		os.Symlink("/nowhere/at all", "new/dangling"),
		os.Link("new/a/b/c/deep", "new/hard"),
		os.WriteFile("new/owned", []byte("owned\n"), 0o600), os.Chown("new/owned", 1000, 1000),
		os.Lchown("new/symlink", 1000, 1000),
		os.WriteFile("new/set", []byte("set\n"), 0o755), unix.Chmod("new/set", 0o6755),
		os.Mkdir("new/sticky", 0o755), unix.Chmod("new/sticky", 0o1777),
		os.WriteFile("new/name with blank\tand \xff", []byte("odd\n"), 0o644),
		os.WriteFile("new/sparse", []byte("start"), 0o644), os.Truncate("new/sparse", 1<<20),
		os.WriteFile("new/xattr", []byte("xattr\n"), 0o644), unix.Setxattr("new/xattr", "user.suite", []byte("kept"), 0),
		mapped("new/mapped"),
		os.WriteFile("new/left", []byte("left\n"), 0o644), os.Rename("new/left", "new/a/right"),
		os.WriteFile("new/short-lived", nil, 0o644), os.Remove("new/short-lived"),
	)
}

// mapped writes a file through memory.
func mapped(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := f.Truncate(8192); err != nil {
		return err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(memory[4090:], "across two pages")
	return first(unix.Munmap(memory), f.Close())
}

// nodes makes what is neither file, directory nor symlink, and prints what it
// could not make. They are no part of change: gVisor keeps none of them.
func nodes(dir string) error {
	pipe, device, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "device"), filepath.Join(dir, "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	for _, made := range []struct {
		name string
		err  error
	}{
		{"pipe", unix.Mkfifo(pipe, 0o620)},
		{"device", unix.Mknod(device, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))},
		{"socket", unix.Bind(fd, &unix.SockaddrUnix{Name: socket})},
	} {
		if made.err != nil {
			fmt.Printf("%s: %v\n", made.name, made.err)
		}
	}
	return nil
}

// stamp gives everything below dir times of its own, in the past, deepest
// first.
func stamp(dir string) error {
	var names []string
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	for i := len(names) - 1; i >= 0; i-- {
		when := unix.NsecToTimespec(time.Date(2001, 2, 3, 4, 5, i, 0, time.UTC).UnixNano())
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, names[i], []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("stamp %s: %w", names[i], err)
		}
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes files, making their directories.
func put(names []string) error {
	for _, name := range names {
		if err := first(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("kept\n"), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// own gives all below dir to another user, as chown -R does.
func own(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		return first(err, os.Lchown(name, 1000, 1000))
	})
}

// hold writes a file that nothing closes, syncs or unmaps.
func hold(dir string) error {
	f, err := os.Create(filepath.Join(dir, "held"))
	if err != nil {
		return err
	}
	if _, err := f.WriteString("written, not synced\n"); err != nil {
		return err
	}
	if err := f.Truncate(4096); err != nil {
		return err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(memory[100:], "mapped, not synced")
	return wait()
}
