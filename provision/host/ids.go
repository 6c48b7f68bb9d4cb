package host

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/subid"
)

const (
	// maxAccounts limits how many bytes of passwd, group and the other files are read.
	maxAccounts = 16 << 20
	// getentTimeout limits how long the name service may take to answer.
	getentTimeout = 10 * time.Second
)

// ObserveIDs reads the accounts and the subordinate ids. A line of /etc/subuid or
// /etc/subgid that does not parse is a *blocked.Refused.
func (h *Host) ObserveIDs(ctx context.Context, c config.Config) (subid.Identities, error) {
	ids := subid.Identities{Dir: h.Paths.Etc, InNameService: map[string]bool{}, Made: h.State().MadeIDs().Keys()}
	texts := map[string]string{}
	for _, name := range []string{"passwd", "group", subid.UIDFile, subid.GIDFile, "login.defs", "nsswitch.conf"} {
		text, err := durable.ReadLimited(filepath.Join(h.Paths.Etc, name), maxAccounts)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ids, &blocked.Refused{Object: filepath.Join(h.Paths.Etc, name), Err: err}
		}
		texts[name] = string(text)
	}
	ids.Users, ids.Groups = subid.ParseEntries(texts["passwd"]), subid.ParseEntries(texts["group"])
	ids.Sources = subid.Source(texts["nsswitch.conf"])
	for _, f := range []struct {
		name, kind string
		file       *subid.File
	}{{subid.UIDFile, "UID", &ids.UIDs}, {subid.GIDFile, "GID", &ids.GIDs}} {
		*f.file = subid.File{Path: filepath.Join(h.Paths.Etc, f.name), Text: texts[f.name], Limits: subid.ParseLimits(texts["login.defs"], f.kind)}
		var err error
		if f.file.Ranges, err = subid.Parse(f.file.Path, f.file.Text); err != nil {
			return ids, &blocked.Refused{Object: f.file.Path, Err: err}
		}
	}
	if c.Docker.Remap() != config.RemapOn {
		return ids, nil
	}
	name, _ := config.RemapNames(c.Docker.UsernsRemap)
	if _, local := subid.Find(ids.Users, name); !local && name != config.RemapAccount {
		ids.InNameService[name] = inNameService(ctx, name)
	}
	return ids, nil
}

// inNameService reports whether the name service (NIS, LDAP, …) has a user.
func inNameService(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, getentTimeout)
	defer cancel()
	return command.New(ctx, "getent", "passwd", name).Run() == nil
}
