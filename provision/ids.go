package provision

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/verify"
)

const (
	// remapCount is how many ids a user needs: with fewer, files of an image that
	// belong to a higher one cannot be unpacked.
	remapCount = 1 << 16
)

// Identities are the accounts of the host, and who has which subordinate ids.
type Identities struct {
	Dir     string // /etc
	Users   []subid.Entry
	Groups  []subid.Entry
	UIDs    IDFile
	GIDs    IDFile
	Sources string // of subordinate ids, as nsswitch.conf has them
	// Elsewhere are names of users asked for that are not in passwd, but known
	// to the name service.
	Elsewhere map[string]bool
	// Ours are accounts and ranges that this program has made, by idKey.
	Ours []string
}

// IDFile is /etc/subuid or /etc/subgid.
type IDFile struct {
	Path   string
	Text   string
	Ranges []subid.Range
	Limits subid.Limits
}

func accountKey(name string) string              { return "account:" + name }
func rangeKey(path string, r subid.Range) string { return filepath.Base(path) + ":" + r.String() }

// idPlan is whose ids containers have, and what is to be done for it.
type idPlan struct {
	account subid.Account
	steps   []Step
	uids    []subid.Range // once the steps are done
	gids    []subid.Range
	clash   string // what cannot be mended while it is in effect; "" if nothing
}

// root is the data root that dockerd then has, below the one without remap.
func (p idPlan) root(data string) string {
	return filepath.Join(data, fmt.Sprintf("%d.%d", p.uids[0].Start, p.gids[0].Start))
}

// uidMap is what /proc/PID/uid_map of a container's process has.
func (p idPlan) uidMap() []verify.IDRange {
	var lines []verify.IDRange
	var inside uint32
	for _, r := range p.uids {
		lines = append(lines, verify.IDRange{Inside: inside, Outside: r.Start, Length: r.Count})
		inside += r.Count
	}
	return lines
}

// ids settles whose ids containers get, and what has to be made for that. It is
// pure. The error is a *blocked.Refused that says what a person has to do.
func (b *builder) ids() (idPlan, error) {
	all := b.observed.IDs
	value := b.config.Docker.UsernsRemap
	if all.Sources != "files" {
		return idPlan{}, blocked.Refuse(filepath.Join(all.Dir, "nsswitch.conf"), "takes subordinate ids from %q: dockerd reads %s only, and nobody can tell what is free; set `subid: files`", all.Sources, all.UIDs.Path)
	}
	p, err := b.account(value)
	if err != nil {
		return idPlan{}, err
	}
	if err := b.ranges(&p); err != nil {
		return idPlan{}, err
	}
	return p, nil
}

// account finds the user, or says how it is made.
func (b *builder) account(value string) (idPlan, error) {
	all := b.observed.IDs
	name, group := config.RemapNames(value)
	user, found := subid.Find(all.Users, name)
	_, grouped := subid.Find(all.Groups, cmp.Or(group, user.Name))
	what := "userns-remap " + value
	switch {
	case !found && all.Elsewhere[name]:
		return idPlan{}, blocked.Refuse(what, "user %s is not in %s but comes from the name service (NIS, LDAP, …), and so might its ids: take a local user, or %q", name, filepath.Join(all.Dir, "passwd"), config.RemapDefault)
	case !found && value != config.RemapDefault:
		return idPlan{}, blocked.Refuse(what, "there is no user %s: make one (useradd --system %s), or take %q", name, name, config.RemapDefault)
	case !found:
		return idPlan{
			account: subid.Account{Name: name, UID: ^uint32(0)},
			steps:   []Step{AddAccount{Name: name, Grouped: grouped}},
		}, nil
	case !grouped:
		return idPlan{}, blocked.Refuse(what, "there is no group %s, which dockerd asks for: groupadd --system %s", cmp.Or(group, user.Name), cmp.Or(group, user.Name))
	case user.ID == 0:
		return idPlan{}, blocked.Refuse(what, "is root: containers would not be remapped at all")
	}
	return idPlan{account: subid.Account{Name: user.Name, UID: user.ID}}, nil
}

// ranges gives the account what it lacks, the same ids in both files where that
// can be.
func (b *builder) ranges(p *idPlan) error {
	all := b.observed.IDs
	kept := map[string][]subid.Range{}
	short := map[string]bool{}
	for _, f := range []IDFile{all.UIDs, all.GIDs} {
		own, err := b.keep(f, p)
		if err != nil {
			return err
		}
		kept[f.Path] = own
		short[f.Path] = subid.Total(own) < remapCount
	}
	if short[all.UIDs.Path] || short[all.GIDs.Path] {
		start, err := b.free(*p, kept, short)
		if err != nil {
			return err
		}
		for _, f := range []IDFile{all.UIDs, all.GIDs} {
			if !short[f.Path] {
				continue
			}
			given := subid.Range{Owner: p.account.Name, Start: start, Count: remapCount}
			p.steps = append(p.steps, giveIDs(f, p.account, kept[f.Path], given))
			kept[f.Path] = append(slices.Clone(kept[f.Path]), given)
		}
	}
	p.uids, p.gids = kept[all.UIDs.Path], kept[all.GIDs.Path]
	return nil
}

// keep are the account's ranges in f that it can keep: all of them, but for
// those of the user that only stands for userns-remap where somebody else has
// the same ids, and nobody has used them yet.
func (b *builder) keep(f IDFile, p *idPlan) ([]subid.Range, error) {
	own := subid.Of(f.Ranges, p.account)
	mine, other, clash := subid.Clash(f.Ranges, p.account)
	if !clash {
		return own, nil
	}
	said := fmt.Sprintf("%s gives %s ids that %s has too (%s and %s)", f.Path, p.account.Name, other.Owner, mine, other)
	switch {
	case b.observed.Engine != nil && b.observed.Engine.UsernsRemap:
		p.clash = said
		return own, nil
	case p.account.Name != config.RemapAccount:
		return nil, blocked.Refuse("userns-remap "+b.config.Docker.UsernsRemap, "%s: containers could reach what belongs to the other; give one of them another range, or take %q", said, config.RemapDefault)
	case b.observed.RemapRoots > 0:
		return nil, blocked.Refuse("userns-remap "+b.config.Docker.UsernsRemap, "%s, and Docker already has data that belongs to them: give %s another range, or move that data away", said, other.Owner)
	}
	return nil, nil
}

// free finds ids for the account: those that dockerd runs with, or those that
// it has in the other file, or the first that nobody has.
func (b *builder) free(p idPlan, kept map[string][]subid.Range, short map[string]bool) (uint32, error) {
	all := b.observed.IDs
	taken := append(subid.Taken(all.Users), subid.Taken(all.Groups)...)
	var hint uint32
	for _, f := range []IDFile{all.UIDs, all.GIDs} {
		own := kept[f.Path]
		if !short[f.Path] && len(own) > 0 {
			hint = own[0].Start
			// What it has there is no obstacle to having the same here.
			own = own[1:]
		}
		others := slices.DeleteFunc(slices.Clone(f.Ranges), func(r subid.Range) bool {
			return len(subid.Of([]subid.Range{r}, p.account)) > 0
		})
		taken = append(append(taken, others...), own...)
	}
	if b.observed.Engine != nil && b.observed.Engine.UsernsRemap {
		var uid, gid uint32
		if n, _ := fmt.Sscanf(filepath.Base(b.observed.Engine.RootDir), "%d.%d", &uid, &gid); n == 2 && uid == gid {
			hint = uid
		}
	}
	start, ok := subid.Free(taken, all.UIDs.Limits, all.GIDs.Limits, remapCount, hint)
	if !ok {
		return 0, blocked.Refuse(all.UIDs.Path, "%d ids in a row that nobody has are not to be found between %d and %d: free some, or raise SUB_UID_MAX and SUB_GID_MAX in %s",
			remapCount, max(all.UIDs.Limits.Min, all.GIDs.Limits.Min), min(all.UIDs.Limits.Max, all.GIDs.Limits.Max), filepath.Join(all.Dir, "login.defs"))
	}
	return start, nil
}

// giveIDs is the step that gives the account a range in f and takes from it what
// it does not keep.
func giveIDs(f IDFile, a subid.Account, kept []subid.Range, given subid.Range) EditIDs {
	text := f.Text
	what := "give " + a.Name + " " + span(given)
	step := EditIDs{Path: f.Path, Old: f.Text, Made: []string{rangeKey(f.Path, given)}}
	for _, r := range subid.Of(f.Ranges, a) {
		if !slices.Contains(kept, r) {
			text = subid.Drop(text, r)
			what += ", instead of " + span(r) + ", which it shared"
			step.Gone = append(step.Gone, rangeKey(f.Path, r))
		}
	}
	step.New, step.What = subid.Append(text, given), what
	return step
}

func span(r subid.Range) string { return "the ids " + spans([]subid.Range{r}) }

func spans(ranges []subid.Range) string {
	var parts []string
	for _, r := range ranges {
		parts = append(parts, fmt.Sprintf("%d–%d", r.Start, uint64(r.Start)+uint64(r.Count)-1))
	}
	return strings.Join(parts, ", ")
}
