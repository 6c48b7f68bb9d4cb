package subid

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/blocked"
)

// RangeSize is how many ids a user needs whose ids containers get. With fewer, files of
// an image that belong to a higher id cannot be unpacked.
const RangeSize = 1 << 16

// Identities are the accounts of a host, and who has which subordinate ids.
type Identities struct {
	Dir     string // /etc
	Users   []Entry
	Groups  []Entry
	UIDs    File
	GIDs    File
	Sources string // of subordinate ids, as nsswitch.conf has them
	// Elsewhere are names of users asked for that are not in passwd, but known
	// to the name service.
	InNameService map[string]bool
	// Ours are accounts and ranges that this program has made, by AccountKey and
	// RangeKey.
	Made []string
}

// File is /etc/subuid or /etc/subgid.
type File struct {
	Path   string
	Text   string
	Ranges []Range
	Limits Limits
}

// AccountKey names an account in the list of what this program has made.
func AccountKey(name string) string { return "account:" + name }

// RangeKey names a range of the file at path in the same list.
func RangeKey(path string, r Range) string { return filepath.Base(path) + ":" + r.String() }

// Request asks for the ids of one user.
type Request struct {
	Value string // of userns_remap; only named in errors
	User  string
	Group string // "" is the user's own
	// Create allows the account to be made; Advice is the value that does, for
	// users whose own choice is refused.
	Create bool
	Advice string
	// Own says that the account stands for userns-remap alone, so that it may be
	// given other ids as long as no data belongs to them.
	Dedicated bool
	// InEffect says that dockerd runs with its ids, and HasData that Docker has data
	// that belongs to them.
	InEffect, HasData bool
	// Prefer is the first id that is wanted; 0 is any.
	PreferredStart uint32
}

// Grant is whose ids containers get, and what has to be made for that.
type Grant struct {
	Account Account
	Create  bool // the account has to be made
	Grouped bool // its group exists
	Edits   []Edit
	// UIDs and GIDs are its ranges once the edits are made.
	UIDs, GIDs []Range
	// Clash says which ids another owner has too, where that cannot be mended
	// because they are in effect; "" if there are none.
	Clash string
}

// Edit replaces the text of /etc/subuid or /etc/subgid, where it still is Old.
type Edit struct {
	Path       string
	Old, New   string
	What       string
	Made, Gone []string // ranges that are ours from then on, and no longer, by RangeKey
}

// Complete reports whether nothing has to be made.
func (g Grant) Complete() bool { return !g.Create && len(g.Edits) == 0 }

// Allocate settles whose ids containers get: the account's own ranges where they
// are enough and nobody shares them, else new ones. It is pure. The error is a
// *blocked.Refused that says what a person has to do.
func Allocate(all Identities, r Request) (Grant, error) {
	if all.Sources != "files" {
		return Grant{}, blocked.Refuse(filepath.Join(all.Dir, "nsswitch.conf"),
			"takes subordinate ids from %q, but dockerd reads %s only, so free ids cannot be found: set `subid: files`", all.Sources, all.UIDs.Path)
	}
	g, err := all.findAccount(r)
	if err != nil {
		return Grant{}, err
	}
	if err := all.allocate(&g, r); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// findAccount finds the user of r, or has it made.
func (all Identities) findAccount(r Request) (Grant, error) {
	user, found := Find(all.Users, r.User)
	group := cmp.Or(r.Group, user.Name)
	_, grouped := Find(all.Groups, group)
	what := "userns-remap " + r.Value
	switch {
	case !found && all.InNameService[r.User]:
		return Grant{}, blocked.Refuse(what, "user %s is not in %s but comes from the name service (NIS, LDAP, …), and so might its ids: take a local user, or %q",
			r.User, filepath.Join(all.Dir, "passwd"), r.Advice)
	case !found && !r.Create:
		return Grant{}, blocked.Refuse(what, "there is no user %s: make one (useradd --system %s), or take %q", r.User, r.User, r.Advice)
	case !found:
		return Grant{Account: Account{Name: r.User, UID: ^uint32(0)}, Create: true, Grouped: grouped}, nil
	case !grouped:
		return Grant{}, blocked.Refuse(what, "there is no group %s, which dockerd asks for: groupadd --system %s", group, group)
	case user.ID == 0:
		return Grant{}, blocked.Refuse(what, "is root: containers would not be remapped at all")
	}
	return Grant{Account: Account{Name: user.Name, UID: user.ID}, Grouped: true}, nil
}

// allocate gives the account what it lacks, the same ids in both files where that
// is possible.
func (all Identities) allocate(g *Grant, r Request) error {
	files := []File{all.UIDs, all.GIDs}
	kept := map[string][]Range{}
	short := map[string]bool{}
	for _, f := range files {
		own, err := f.rangesToKeep(g, r)
		if err != nil {
			return err
		}
		kept[f.Path] = own
		short[f.Path] = Total(own) < RangeSize
	}
	if short[all.UIDs.Path] || short[all.GIDs.Path] {
		start, err := all.findFree(*g, r, kept, short)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !short[f.Path] {
				continue
			}
			given := Range{Owner: g.Account.Name, Start: start, Count: RangeSize}
			g.Edits = append(g.Edits, f.addRange(g.Account, kept[f.Path], given))
			kept[f.Path] = append(slices.Clone(kept[f.Path]), given)
		}
	}
	g.UIDs, g.GIDs = kept[all.UIDs.Path], kept[all.GIDs.Path]
	return nil
}

// rangesToKeep are the account's ranges in f that it can keep. An account that stands for
// userns-remap alone gives up ids that another owner has too, unless they are used.
func (f File) rangesToKeep(g *Grant, r Request) ([]Range, error) {
	own := Of(f.Ranges, g.Account)
	mine, other, clash := Clash(f.Ranges, g.Account)
	if !clash {
		return own, nil
	}
	shared := fmt.Sprintf("%s gives %s ids that %s has too (%s and %s)", f.Path, g.Account.Name, other.Owner, mine, other)
	switch {
	case r.InEffect:
		g.Clash = shared
		return own, nil
	case !r.Dedicated:
		return nil, blocked.Refuse("userns-remap "+r.Value, "%s: containers could reach what belongs to the other; give one of them another range, or take %q", shared, r.Advice)
	case r.HasData:
		return nil, blocked.Refuse("userns-remap "+r.Value, "%s, and Docker already has data that belongs to them: give %s another range, or move that data away", shared, other.Owner)
	}
	return nil, nil
}

// findFree finds ids for the account: the preferred ones, or those that it has in the
// other file, or the first free ones.
func (all Identities) findFree(g Grant, r Request, kept map[string][]Range, short map[string]bool) (uint32, error) {
	taken := append(Taken(all.Users), Taken(all.Groups)...)
	prefer := r.PreferredStart
	for _, f := range []File{all.UIDs, all.GIDs} {
		own := kept[f.Path]
		if !short[f.Path] && len(own) > 0 {
			prefer = cmp.Or(r.PreferredStart, own[0].Start)
			own = own[1:] // what it has there is no obstacle to the same ids here
		}
		others := slices.DeleteFunc(slices.Clone(f.Ranges), g.Account.owns)
		taken = append(append(taken, others...), own...)
	}
	start, ok := Free(taken, all.UIDs.Limits, all.GIDs.Limits, RangeSize, prefer)
	if !ok {
		limits := all.UIDs.Limits.intersect(all.GIDs.Limits)
		return 0, blocked.Refuse(all.UIDs.Path, "no free range of %d ids between %d and %d: free some, or raise SUB_UID_MAX and SUB_GID_MAX in %s",
			RangeSize, limits.Min, limits.Max, filepath.Join(all.Dir, "login.defs"))
	}
	return start, nil
}

// addRange is the edit that gives the account a range in f, and takes from it the ranges
// that it does not keep.
func (f File) addRange(a Account, kept []Range, given Range) Edit {
	text := f.Text
	what := "give " + a.Name + " the ids " + FormatSpans([]Range{given})
	edit := Edit{Path: f.Path, Old: f.Text, Made: []string{RangeKey(f.Path, given)}}
	for _, r := range Of(f.Ranges, a) {
		if !slices.Contains(kept, r) {
			text = Drop(text, r)
			what += ", instead of the ids " + FormatSpans([]Range{r}) + ", which it shared"
			edit.Gone = append(edit.Gone, RangeKey(f.Path, r))
		}
	}
	edit.New, edit.What = Append(text, given), what
	return edit
}

// RemovalEdits are the edits that remove the ranges that this program has made.
func (all Identities) RemovalEdits() []Edit {
	var edits []Edit
	for _, f := range []File{all.UIDs, all.GIDs} {
		edit := Edit{Path: f.Path, Old: f.Text, New: f.Text, What: "take back what userns-remap had"}
		for _, r := range f.Ranges {
			if key := RangeKey(f.Path, r); slices.Contains(all.Made, key) {
				edit.New = Drop(edit.New, r)
				edit.Gone = append(edit.Gone, key)
			}
		}
		if edit.Gone != nil {
			edits = append(edits, edit)
		}
	}
	return edits
}

// FormatSpans are the first and last ids of ranges, for people to read.
func FormatSpans(ranges []Range) string {
	var parts []string
	for _, r := range ranges {
		parts = append(parts, fmt.Sprintf("%d–%d", r.Start, r.end()-1))
	}
	return strings.Join(parts, ", ")
}
