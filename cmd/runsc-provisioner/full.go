package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/room"
)

// isFull reports whether err means that a file system, or a quota, has too little room.
func isFull(err error) bool {
	_, known := errors.AsType[*room.Error](err)
	return known || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// fullHint names the file system that is full.
func fullHint(err error) string {
	lack, _ := errors.AsType[*room.Error](err)
	at, _ := errors.AsType[*fs.PathError](err)
	link, _ := errors.AsType[*os.LinkError](err)
	dir := ""
	switch {
	case lack != nil:
		dir = lack.Path
	case link != nil:
		dir = filepath.Dir(link.New)
	case at != nil && at.Op == durable.OpWriteIn:
		dir = at.Path
	case at != nil:
		dir = filepath.Dir(at.Path)
	default:
		return "make room on the file system that is full, then run it again: df -h and df -i show it"
	}
	// It may be a hidden directory that is gone by now.
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	what, flag := "make room", "-h"
	if seen, err := room.Look(dir); lack != nil && lack.NoInodes || err == nil && seen.NoInodes {
		what, flag = "delete files that you do not need", "-i"
	}
	return fmt.Sprintf("%s on the file system of %s, then run it again: df %s %s shows it", what, dir, flag, dir)
}
