package host

import (
	"errors"
	"io/fs"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
)

// CommandLine returns the command line of the running dockerd, or the one that unit would
// start, and its flags. If no flag is a host, Hosts has those of daemon.json. The error is
// a *blocked.Refused if the command line cannot be read, a *blocked.Unreachable if dockerd
// has just ended or its flags do not parse.
func (h *Host) CommandLine(unit Unit) (argv []string, flags commandline.Flags, err error) {
	argv, err = commandline.Of(h.Paths.Proc, unit.service())
	if err != nil {
		return nil, commandline.Flags{}, noCommandLine(unit, err)
	}
	flags, err = commandline.ParseFlags(argv)
	if err != nil {
		return nil, commandline.Flags{}, &blocked.Unreachable{Object: unit.Name, Err: err}
	}
	flags.Hosts = h.Hosts(unit, flags)
	return argv, flags, nil
}

// noCommandLine is the error for a command line that cannot be read: a *blocked.Unreachable if dockerd has just ended.
func noCommandLine(unit Unit, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &blocked.Unreachable{Object: unit.Name, Err: err}
	}
	return &blocked.Refused{Object: unit.Name, Err: err}
}

// FlagConflicts finds the managed options, and OptionHosts, that dockerd also has as a flag.
func (h *Host) FlagConflicts(unit Unit) ([]*commandline.FlagConflict, error) {
	var conflicts []*commandline.FlagConflict
	for _, option := range []string{config.ItemDefaultRuntime, config.ItemUsernsRemap, OptionHosts} {
		err := commandline.Conflict(h.Paths.Proc, unit.service(), option)
		var conflict *commandline.FlagConflict
		switch {
		case errors.As(err, &conflict):
			conflicts = append(conflicts, conflict)
		case err != nil:
			return nil, noCommandLine(unit, err)
		}
	}
	return conflicts, nil
}
