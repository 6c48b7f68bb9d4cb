package names

import (
	"errors"
	"slices"
	"strings"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/hostsfile"
)

// Seen is what a look at the files of containers finds, with or without a Keeper.
type Seen struct {
	// Complete is how many running containers have all their names.
	Complete int
	// Lacking are those that do not, by name.
	Lacking []Lacking
}

// Lacking is a container in whose files names of others are missing.
type Lacking struct {
	ID, Name string // of the container
	// Missing are the containers, by name, that it does not find.
	Missing []string
	// Odd is why its file was not read; nil if it was.
	Odd error
}

// Look compares the hosts files of the running containers of a goal's runtimes with what Docker's DNS would answer. It
// asks dockerd nothing, and changes nothing.
func Look(g Goal) (Seen, error) {
	root, err := containerdir.Open(g.DataRoot)
	if err != nil {
		return Seen{}, err
	}
	defer root.Close()
	ids, err := root.IDs()
	if err != nil {
		return Seen{}, err
	}
	var ours []containerdir.Container
	var all []dockerdns.Container
	for _, id := range ids {
		c, err := root.Read(id)
		if containerdir.IsGone(err) {
			continue
		}
		if err != nil {
			return Seen{}, err
		}
		all = append(all, c.Container)
		// One that brings a hosts file of its own has what its user wants.
		if c.Running && !c.Shares && !c.OwnHosts && slices.Contains(g.Runtimes, c.Runtime) {
			ours = append(ours, c)
		}
	}
	return compare(root, ours, all)
}

func compare(root *containerdir.Root, ours []containerdir.Container, all []dockerdns.Container) (seen Seen, err error) {
	for _, c := range ours {
		records := dockerdns.Records(c.Container, all, nil)
		if len(records) == 0 {
			continue // no network of it has Docker's DNS
		}
		f, err := root.Open(c.ID, containerdir.HostsName)
		var odd *containerdir.OddError
		switch {
		case containerdir.IsGone(err):
			continue
		case errors.As(err, &odd):
			seen.Lacking = append(seen.Lacking, Lacking{ID: c.ID, Name: c.Name, Odd: err})
			continue
		case err != nil:
			return Seen{}, err
		}
		if missing := missingIn(f.Text, records, c, all); len(missing) > 0 {
			seen.Lacking = append(seen.Lacking, Lacking{ID: c.ID, Name: c.Name, Missing: missing})
		} else {
			seen.Complete++
		}
	}
	slices.SortFunc(seen.Lacking, func(a, b Lacking) int { return strings.Compare(a.Name, b.Name) })
	return seen, nil
}

// missingIn are the other containers with a name in records that the text of a hosts file does not have.
func missingIn(text string, records []hostsfile.Record, me containerdir.Container, all []dockerdns.Container) (missing []string) {
	has := hostsfile.Has(text)
	lacks := map[string]bool{}
	for _, r := range records {
		for _, name := range r.Names {
			if !has[strings.ToLower(name)] {
				lacks[name] = true
			}
		}
	}
	for _, c := range all {
		if c.ID == me.ID {
			continue
		}
		if slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool {
			return slices.ContainsFunc(e.Names, func(name string) bool { return lacks[name] })
		}) {
			missing = append(missing, c.Name)
		}
	}
	slices.Sort(missing)
	return missing
}
