package buildkit

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"runsc-provisioner/verify"
)

// Arg is the first argument of this program when BuildKit calls it.
const Arg = "buildkit-runc"

// exitNotRun is the exit code of a step that was not started. BuildKit shows it beside what Main has printed.
const exitNotRun = 125

// Script is the program that BuildKit gets as its runc: a shell script, so that anyone can read what builds run with.
// self is the path of this program.
func Script(self string, r Runsc) []byte {
	words := []string{"exec", quote(self), Arg, "--runsc=" + quote(r.Path)}
	if r.Runc != "" {
		words = append(words, "--runc="+quote(r.Runc))
	}
	for _, arg := range r.Args {
		words = append(words, "--arg="+quote(arg))
	}
	return []byte("#!/bin/sh\n" +
		"# BuildKit runs the steps of docker build with this program, in place of runc.\n" +
		"# runsc-provisioner wrote it, and writes it again if it changes.\n" +
		strings.Join(words, " ") + ` -- "$@"` + "\n")
}

// SelfOf is the path of this program in a Script; "" if the text is none.
func SelfOf(script []byte) string {
	_, line, _ := strings.Cut(string(script), "\nexec '")
	self, _, is := strings.Cut(line, "' "+Arg+" ")
	if !is || strings.Contains(self, "'") {
		return ""
	}
	return self
}

// quote makes one word of a shell script.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// parse reads the arguments of a Script, without Arg. rest are those that BuildKit gave.
func parse(args []string) (r Runsc, rest []string, err error) {
	flags := flag.NewFlagSet(Arg, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.Path, "runsc", "", "")
	flags.StringVar(&r.Runc, "runc", "", "")
	flags.Func("arg", "", func(arg string) error {
		r.Args = append(r.Args, arg)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return Runsc{}, nil, err
	}
	if !filepath.IsAbs(r.Path) {
		return Runsc{}, nil, errors.New("--runsc must be an absolute path")
	}
	return r, flags.Args(), nil
}

// Main does what runc would do, for a Script that has called this program with args after Arg. Why a step was not
// started goes to stderr, which BuildKit shows as the step's output.
func Main(args []string) (code int) {
	r, rest, err := parse(args)
	if err == nil {
		code, err = Run(r, rest)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runsc-provisioner: this step was not run:", verify.Printable(err.Error()))
		return exitNotRun
	}
	return code
}
