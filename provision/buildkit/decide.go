package buildkit

import (
	"bytes"

	"runsc-provisioner/provision/commandline"
)

// Wanted is how BuildKit shall run steps.
type Wanted struct {
	// Runsc runs them; nil for Docker's runc.
	Runsc *Runsc
	// KnowsVariable says that this version of dockerd is known to read the variable (capability.BuildKitCommand).
	KnowsVariable bool
	// ContainerdApart says that dockerd starts no containerd, which would inherit its PATH.
	ContainerdApart bool
}

// Change is what brings a host to a Wanted.
type Change struct {
	// Program and DropIn are the texts that the files shall have; nil for none.
	Program, DropIn []byte
	// WritesProgram, WritesDropIn and Restarts say what differs from that now.
	WritesProgram, WritesDropIn, Restarts bool
}

// IsEmpty reports whether nothing differs.
func (c Change) IsEmpty() bool { return !c.WritesProgram && !c.WritesDropIn && !c.Restarts }

// Decide compares a host with w. objection says why the change must not be made, and what to do; "" if it may. A host
// that already runs steps as it shall has no objection.
func (w Wanted) Decide(s Seen, running bool) (c Change, objection string) {
	used := s.Environment.Mentions(s.Program.Path)
	if w.Runsc == nil {
		c.WritesProgram = s.Program.Text != nil && (used || SelfOf(s.Program.Text) != "")
		c.WritesDropIn = s.DropIn.Text != nil && (used || isDropIn(s.DropIn.Text))
		c.Restarts = running && used
		return c, unusable(s)
	}
	way, objection := w.way(s)
	if !running && isDropIn(s.DropIn.Text) {
		way, objection = wayOf(s.DropIn.Text), "" // which dockerd starts next is not known
	}
	runsc := *w.Runsc
	if way == BySearch {
		runsc.Runc = s.Runc
	}
	c.Program = Script(s.Self, runsc)
	c.DropIn = DropIn(way, s.Program.Path, s.Environment.SearchWithout(s.Program.Path))
	c.WritesProgram = s.Program.BadMode || !bytes.Equal(c.Program, s.Program.Text)
	c.WritesDropIn = s.DropIn.BadMode || !bytes.Equal(c.DropIn, s.DropIn.Text)
	c.Restarts = running && !s.Environment.Uses(way, s.Program.Path)
	switch {
	case c.IsEmpty():
		return c, ""
	case unusable(s) != "":
		return c, unusable(s)
	case !used && s.Program.Text != nil && SelfOf(s.Program.Text) == "":
		return c, s.Program.Path + " is not of this program: move it away, then run apply again"
	case !used && s.DropIn.Text != nil && !isDropIn(s.DropIn.Text):
		return c, s.DropIn.Path + " is not of this program: move it away, then run apply again"
	case way == ByVariable && s.Environment.Command != "" && s.Environment.Command != s.Program.Path:
		return c, "dockerd gives BuildKit " + s.Environment.Command + " already: remove " + commandline.BuildKitCommand + " from its unit, drop-ins and environment files, then run apply again"
	case s.SelfUnsafe != "":
		return c, "dockerd would run this program as root: " + s.SelfUnsafe + "; install it with make install, or move it to /usr/local/bin, and run apply again"
	}
	return c, objection
}

// way is how this dockerd is told. objection says why it cannot be.
func (w Wanted) way(s Seen) (way Way, objection string) {
	switch {
	case s.Unread != "":
		return ByVariable, "what builds run with is not known: " + s.Unread
	case w.KnowsVariable && (s.ReadsVariable || s.Environment.Uses(BySearch, s.Program.Path)):
		return ByVariable, "" // Docker was upgraded: nothing has looked for the variable yet, and a proof follows
	case w.KnowsVariable:
		return ByVariable, "this dockerd does not read " + commandline.BuildKitCommand + ", so nothing can tell it what builds run with"
	case !w.ContainerdApart:
		return BySearch, "before Docker 26.0, builds are moved to gVisor by dockerd's PATH, and this dockerd may start a containerd that would inherit it: " +
			"start dockerd with --containerd=/run/containerd/containerd.sock, as Debian does, or upgrade Docker"
	case s.Runc == "":
		return BySearch, "Docker's runc is not in dockerd's PATH"
	}
	return BySearch, ""
}

func unusable(s Seen) string {
	for _, f := range []File{s.DropIn, s.Program} {
		if f.Unusable != "" {
			return f.Unusable + ": move it away, then run apply again"
		}
	}
	return ""
}
