package checkup

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/test/seen"
)

// The item of builds is there if they are managed, and names the file that differs.
func TestItems_Builds(t *testing.T) {
	const program, dropIn = seen.Store + "/builds/runc", "/etc/drop-in.conf"
	for _, test := range []struct {
		name   string
		builds string
		change func(*buildkit.Seen)
		health Health
		seen   string // a part of it; "" if there is no item
	}{
		{name: "not managed"},
		{name: "as configured", builds: "runsc", seen: "with runsc"},
		{name: "the program is missing", builds: "runsc", change: func(s *buildkit.Seen) { s.Program.Text = nil }, health: Critical, seen: program + " is missing"},
		{name: "the drop-in differs", builds: "runsc", change: func(s *buildkit.Seen) { s.DropIn.Text = []byte("x") }, health: Critical, seen: dropIn + " differs"},
		{name: "the program cannot be executed", builds: "runsc", change: func(s *buildkit.Seen) { s.Program.BadMode = true }, health: Critical, seen: program + " has another mode"},
		{name: "a user who may not read dockerd's environment", builds: "runsc", change: func(s *buildkit.Seen) { s.Environment, s.Unread = buildkit.Environment{}, "permission denied" }, health: Unsure, seen: "not known: permission denied"},
		{name: "not loaded", builds: "runsc", change: func(s *buildkit.Seen) { s.Environment = buildkit.Environment{} }, health: Critical, seen: "was started without " + dropIn},
		{
			name: "switched off, and dockerd not restarted", builds: "runc", health: Critical, seen: "still gives BuildKit " + program,
			change: func(s *buildkit.Seen) { s.Program.Text, s.DropIn.Text = nil, nil },
		},
		{name: "to be switched off", builds: "runc", health: Critical, seen: dropIn + " is there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := seen.Registered(seen.Newer)
			o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: file, Engine: seen.Dockerd(file)}.Observed(t)
			o.BuildKit = &buildkit.Seen{
				Program:     buildkit.File{Path: program, Text: buildkit.Script("/p", buildkit.Runsc{Path: seen.RunscPath(seen.Newer), Args: []string{"--overlay2=none", "--dcache=0"}})},
				DropIn:      buildkit.File{Path: dropIn, Text: buildkit.DropIn(buildkit.ByVariable, program, "")},
				Environment: buildkit.Environment{Command: program}, ReadsVariable: true, Self: "/p",
			}
			if test.change != nil {
				test.change(o.BuildKit)
			}
			c := config.Default()
			c.Docker.Builds = test.builds
			items, err := Items(c, o)
			if err != nil {
				t.Fatal(err)
			}
			var got Item
			for _, item := range items {
				if item.Name == config.ItemBuilds {
					got = item
				}
			}
			if (got.Name != "") != (test.seen != "") || got.Health != test.health || !strings.Contains(got.Seen, test.seen) {
				t.Errorf("got %+v, want %s, %q", got, test.health, test.seen)
			}
			drifts, err := Drifts(c, o)
			if err != nil || (len(drifts) == 1 && drifts[0].Item == config.ItemBuilds) != (test.health == Critical) {
				t.Errorf("drifts: got %+v, %v", drifts, err)
			}
		})
	}
}
