package main

import (
	"io/fs"
	"testing"
)

func TestStatus_AFileForRootOnlyNeedsRoot(t *testing.T) {
	err := deniedError{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}}
	code, hint := remedy(err)
	if want := "run it with sudo; `runsc-provisioner plan` shows what apply would do"; code != exitNotRoot || hint != want || err.Error() != "open /x: permission denied" {
		t.Errorf("got exit %d, hint %q, %q, want exit %d, hint %q, open /x: permission denied", code, hint, err, exitNotRoot, want)
	}
}
