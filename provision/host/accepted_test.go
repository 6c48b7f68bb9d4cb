package host

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
)

// Without a record of the accepted configuration, other records or daemon.json show what this
// program manages.
func TestFault_X22_WhatIsManagedWithoutARecord(t *testing.T) {
	ours := `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/gv/20260914.0/runsc"},"crun":{"path":"/usr/bin/crun"}}}`
	runsc := config.RuntimeItem("runsc")
	managed := state.BeforeKey{Managed: true}
	for _, test := range []struct {
		situation string
		file      string
		before    map[string]state.BeforeKey
		accepted  bool
		want      []string
	}{
		{"a new host", `{"runtimes":{"crun":{"path":"/usr/bin/crun"}}}`, nil, false, nil},
		{"only daemon.json is left", ours, nil, false, []string{config.ItemDefaultRuntime, runsc}},
		{"only the record of the earlier state is left", `{}`, map[string]state.BeforeKey{runsc: managed, config.ItemUsernsRemap: {}}, false, []string{runsc}},
		{"both", ours, map[string]state.BeforeKey{config.ItemUsernsRemap: managed}, false, []string{config.ItemDefaultRuntime, runsc, config.ItemUsernsRemap}},
		{"accepted", ours, nil, true, nil},
	} {
		t.Run(test.situation, func(t *testing.T) {
			dir := t.TempDir()
			h := Host{Paths: Paths{State: dir, Config: filepath.Join(dir, "etc"), Store: "/gv", DaemonJSON: filepath.Join(dir, "daemon.json")}}
			err := os.WriteFile(h.Paths.DaemonJSON, []byte(test.file), 0o600)
			if test.before != nil {
				b := (*state.Before)(nil).Clone()
				b.Files[h.Paths.DaemonJSON] = state.BeforeFile{Keys: test.before}
				err = errors.Join(err, h.State().Before().Write(b))
			}
			if test.accepted {
				err = errors.Join(err, h.ConfigFiles().Accept(config.Layered{Config: config.Default(), Sources: map[string]string{}}))
			}
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(slices.Values(test.want))
			if got := h.Accepted(); !slices.Equal(got.Managed, want) || got.Found != test.accepted {
				t.Errorf("got %q, found %t, want %q, found %t", got.Managed, got.Found, want, test.accepted)
			}
		})
	}
}
