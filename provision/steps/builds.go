package steps

import "runsc-provisioner/verify"

// WriteBuilds replaces a file that decides what BuildKit runs steps with: the program, or the drop-in of
// docker.service. If the file no longer has Old, nothing is written.
type WriteBuilds struct {
	Path     string
	Old, New []byte // nil: no file
	DropIn   bool
	// Runtime is the runtime that steps run with then; "" for Docker's runc.
	Runtime string
}

// ConfirmBuilds checks that the running dockerd has the environment that the drop-in gives it.
type ConfirmBuilds struct {
	Program string
	// Uses says whether BuildKit shall run steps with Program.
	Uses bool
}

// ProveBuild has BuildKit build an image of this program's own. Its step must run in a sandbox of the release, and the
// image must have exactly what the step wrote.
type ProveBuild struct {
	Release string
	Runtime string
	Args    []string
	Program []byte // the text of the program that BuildKit runs steps with
	// UIDMap is the uid_map that the sandbox must have; nil is any.
	UIDMap []verify.IDRange
}

func (WriteBuilds) Kind() Kind   { return Kind{Action: "write", Shared: true, Lasts: true} }
func (ConfirmBuilds) Kind() Kind { return Kind{Action: "confirm"} }
func (ProveBuild) Kind() Kind    { return Kind{Action: "prove", Shared: true} }

func (s WriteBuilds) Object() string {
	what := "the program that BuildKit runs steps with"
	if s.DropIn {
		what = "the drop-in that gives BuildKit another program for steps"
	}
	switch {
	case s.New == nil:
		return s.Path + ": remove " + what
	case s.DropIn:
		return s.Path + ": BuildKit runs the steps of docker build with runtime " + s.Runtime
	}
	return s.Path + ": " + what
}

func (s ConfirmBuilds) Object() string {
	if s.Uses {
		return "dockerd gives BuildKit " + s.Program
	}
	return "dockerd gives BuildKit Docker's own runc"
}

func (s ProveBuild) Object() string {
	return "a step of docker build by BuildKit runs in a sandbox of " + s.Release + ", and the image has what it wrote"
}
