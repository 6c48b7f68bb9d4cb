package activation

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/steps"
)

// ReloadText returns old with all keys that make dockerd run with the settings `to` after a
// reload. It fails if old is not valid or no reload does that.
//
// It names them because dockerd keeps its default runtime if the key is missing, and its
// runtimes if the object is missing (moby daemon/reload_unix.go). It omits a default
// runtime that nothing defines or that is also a flag: dockerd would refuse the text.
func ReloadText(old []byte, to steps.Settings, flags commandline.Flags) (daemonjson.Document, error) {
	doc, err := daemonjson.Parse(old)
	if err != nil {
		return doc, err
	}
	set := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for name, r := range to.Runtimes {
		current, found := doc.Runtimes()[name]
		if same := found && current.Path == r.Path && slices.Equal(current.Args, r.Args); !same && r.Path != "" {
			set.Runtimes[name] = &daemonjson.Runtime{Path: r.Path, Args: append([]string{}, r.Args...)}
		}
	}
	wants := []daemonjson.Want{{DefaultRuntime: &to.Default}, set}
	_, flag := flags.Set[config.ItemDefaultRuntime]
	if flag {
		wants = wants[1:]
	}
	remove := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for _, name := range to.Without {
		remove.Runtimes[name] = nil
	}
	if !doc.Has("runtimes") && len(set.Runtimes) == 0 {
		// To set a runtime and remove it leaves the empty object.
		placeholder := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
		for _, name := range to.Without {
			placeholder.Runtimes[name] = &daemonjson.Runtime{Path: "/"}
		}
		wants = append(wants, placeholder)
	}
	for _, want := range append(wants, remove) {
		if doc, err = daemonjson.Edit(doc, want); err != nil {
			return doc, err
		}
	}
	if flag && doc.Has("runtimes") && len(doc.Runtimes()) == 0 {
		// dockerd 20.10 crashes on an empty object without a default runtime beside it.
		return doc, errors.New("dockerd keeps the runtimes until its next start: its default runtime is a flag")
	}
	if name, set := doc.DefaultRuntime(); set && !Defines(doc, flags, name) {
		none := ""
		return daemonjson.Edit(doc, daemonjson.Want{DefaultRuntime: &none})
	}
	return doc, nil
}

// DefaultAfter is the default runtime of a dockerd with flags that starts from doc.
func DefaultAfter(doc daemonjson.Document, flags commandline.Flags) string {
	return cmp.Or(config.DefaultRuntimeIn(doc), flags.DefaultRuntime, config.RuncRuntime)
}

// Defines reports whether dockerd with doc and flags knows the named runtime.
func Defines(doc daemonjson.Document, flags commandline.Flags, name string) bool {
	_, defined := doc.Runtimes()[name]
	_, flag := flags.AddRuntimes[name]
	return defined || flag || name == config.RuncRuntime || strings.ContainsAny(name, "./")
}
