package subid

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/blocked"
)

// RangeSize is how many subordinate ids userns-remap needs. With fewer, dockerd cannot
// unpack files of an image that belong to a higher id.
const RangeSize = 1 << 16

// Identities are the accounts and the subordinate ids of a host.
type Identities struct {
	Dir     string // /etc
	Users   []Entry
	Groups  []Entry
	UIDs    File
	GIDs    File
	Sources string // of subordinate ids, from nsswitch.conf
	// InNameService says for the requested users that are not in passwd whether the name
	// service has them.
	InNameService map[string]bool
	// Made are the accounts and ranges that this program has made, by AccountKey and
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

// AccountKey returns the key of an account in Identities.Made.
func AccountKey(name string) string { return "account:" + name }

// RangeKey returns the key of a range of the file at path in Identities.Made.
func RangeKey(path string, r Range) string { return filepath.Base(path) + ":" + r.String() }

// Request asks for the ids of one user.
type Request struct {
	Value string // of userns_remap, for errors
	User  string
	Group string // "" means the group with the name of the user
	// Create allows this program to create the account.
	Create bool
	// Advice is the value of userns_remap that always works, for errors.
	Advice string
	// Dedicated says that the account is only for userns-remap: this program may give it
	// other ids as long as no data belongs to them.
	Dedicated bool
	// InEffect says that dockerd runs with the ids of the account. HasData says that
	// Docker has data that belongs to them.
	InEffect, HasData bool
	// PreferredStart is the preferred first id; 0 means any.
	PreferredStart uint32
}

// Grant is the account with the ids that containers get, and what this program must create
// first.
type Grant struct {
	Account Account
	Create  bool // the account must be created
	Grouped bool // its group exists
	Edits   []Edit
	// UIDs and GIDs are its ranges after Edits.
	UIDs, GIDs []Range
	// Clash says which ids also belong to another owner and cannot be replaced, because
	// they are in effect; "" if there are none.
	Clash string
}

// Edit replaces the text Old of /etc/subuid or /etc/subgid.
type Edit struct {
	Path       string
	Old, New   string
	What       string   // one line for the user
	Made, Gone []string // ranges to add to Identities.Made and to remove from it, by RangeKey
}

// Complete reports whether this program has to create nothing.
func (g Grant) Complete() bool { return !g.Create && len(g.Edits) == 0 }

// Allocate decides which ids containers get: the ranges that the account has, if they have
// RangeSize ids and no other owner, or else new ranges. It has no effects. The error is a
// *blocked.Refused that says what the user has to do.
func Allocate(all Identities, r Request) (Grant, error) {
	if all.Sources != "files" {
		return Grant{}, blocked.Refuse(filepath.Join(all.Dir, "nsswitch.conf"),
			"takes subordinate ids from %q, but dockerd reads only %s, so free ids cannot be determined: set `subid: files`", all.Sources, all.UIDs.Path)
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

// findAccount finds the user of r, or grants that it is created.
func (all Identities) findAccount(r Request) (Grant, error) {
	user, found := Find(all.Users, r.User)
	group := cmp.Or(r.Group, user.Name)
	_, grouped := Find(all.Groups, group)
	what := "userns-remap " + r.Value
	switch {
	case !found && all.InNameService[r.User]:
		return Grant{}, blocked.Refuse(what, "user %s is not in %s but comes from the name service (NIS, LDAP, …), as may its ids: use a local user, or %q",
			r.User, filepath.Join(all.Dir, "passwd"), r.Advice)
	case !found && !r.Create:
		return Grant{}, blocked.Refuse(what, "user %s is missing: create it (useradd --system %s), or use %q", r.User, r.User, r.Advice)
	case !found:
		return Grant{Account: Account{Name: r.User, UID: ^uint32(0)}, Create: true, Grouped: grouped}, nil
	case !grouped:
		return Grant{}, blocked.Refuse(what, "group %s is missing, which dockerd needs: groupadd --system %s", group, group)
	case user.ID == 0:
		return Grant{}, blocked.Refuse(what, "is root, which dockerd treats as no remapping")
	}
	return Grant{Account: Account{Name: user.Name, UID: user.ID}, Grouped: true}, nil
}

// allocate gives the account the ids that it lacks, if possible the same ones in both files.
func (all Identities) allocate(g *Grant, r Request) error {
	files := []File{all.UIDs, all.GIDs}
	taken := map[string][]Entry{all.UIDs.Path: all.Users, all.GIDs.Path: all.Groups}
	kept := map[string][]Range{}
	short := map[string]bool{}
	for _, f := range files {
		own, err := f.rangesToKeep(g, r, taken[f.Path])
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

// rangesToKeep returns the account's ranges in f that it can keep. A dedicated account loses
// its ids if they also belong to another owner, unless they are in use. Another owner is also
// an account or group with such an id: root's would make root of a container root of the host.
func (f File) rangesToKeep(g *Grant, r Request, entries []Entry) ([]Range, error) {
	own := Of(f.Ranges, g.Account)
	mine, other, clash := Clash(f.Ranges, g.Account)
	if !clash {
		mine, other, clash = clashOf(own, g.Account, entries)
	}
	if !clash {
		return own, nil
	}
	shared := fmt.Sprintf("%s gives %s ids that also belong to %s (%s and %s)", f.Path, g.Account.Name, other.Owner, mine, other)
	switch {
	case r.InEffect:
		g.Clash = shared
		return own, nil
	case !r.Dedicated:
		return nil, blocked.Refuse("userns-remap "+r.Value, "%s: containers could reach its files; give one of the two another range, or use %q", shared, r.Advice)
	case r.HasData:
		return nil, blocked.Refuse("userns-remap "+r.Value, "%s, and Docker already has data that belongs to these ids: give %s another range, or move that data away", shared, other.Owner)
	}
	return nil, nil
}

// clashOf finds a range that has the id of an account or a group other than a. To map one's
// own id is a known way to share files with a container.
func clashOf(own []Range, a Account, entries []Entry) (mine, other Range, found bool) {
	for _, taken := range Taken(append([]Entry{{"root", 0}}, entries...)) {
		if taken.Owner == a.Name || taken.Start == a.UID {
			continue
		}
		for _, r := range own {
			if r.overlaps(taken) {
				return r, taken, true
			}
		}
	}
	return Range{}, Range{}, false
}

// findFree finds ids for the account: the preferred ones, the same ids that it has in the
// other file, or the first free ones.
func (all Identities) findFree(g Grant, r Request, kept map[string][]Range, short map[string]bool) (uint32, error) {
	taken := append(Taken(all.Users), Taken(all.Groups)...)
	prefer := r.PreferredStart
	for _, f := range []File{all.UIDs, all.GIDs} {
		own := kept[f.Path]
		if !short[f.Path] && len(own) > 0 {
			prefer = cmp.Or(r.PreferredStart, own[0].Start)
			own = own[1:] // its range in that file does not block the same ids in this one
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

// addRange returns the edit of f that gives the account a range, and removes the ranges that
// are not in kept.
func (f File) addRange(a Account, kept []Range, given Range) Edit {
	text := f.Text
	what := "give " + a.Name + " the ids " + FormatSpans([]Range{given})
	edit := Edit{Path: f.Path, Old: f.Text, Made: []string{RangeKey(f.Path, given)}}
	for _, r := range Of(f.Ranges, a) {
		if !slices.Contains(kept, r) {
			text = Drop(text, r)
			what += ", instead of the ids " + FormatSpans([]Range{r}) + ", which also belong to another owner"
			edit.Gone = append(edit.Gone, RangeKey(f.Path, r))
		}
	}
	edit.New, edit.What = Append(text, given), what
	return edit
}

// MadeFor reports whether this program made ids for a user.
func (all Identities) MadeFor(user string) bool {
	for _, f := range []File{all.UIDs, all.GIDs} {
		for _, r := range f.Ranges {
			if r.Owner == user && slices.Contains(all.Made, RangeKey(f.Path, r)) {
				return true
			}
		}
	}
	return false
}

// RemovalEdits returns the edits that remove the ranges that this program has made.
func (all Identities) RemovalEdits() []Edit {
	var edits []Edit
	for _, f := range []File{all.UIDs, all.GIDs} {
		edit := Edit{Path: f.Path, Old: f.Text, New: f.Text, What: "remove the ids that userns-remap used"}
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

// FormatSpans formats the first and last ids of ranges, such as 100000–165535.
func FormatSpans(ranges []Range) string {
	var parts []string
	for _, r := range ranges {
		parts = append(parts, fmt.Sprintf("%d–%d", r.Start, r.end()-1))
	}
	return strings.Join(parts, ", ")
}
