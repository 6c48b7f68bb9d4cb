package activation

import (
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/steps"
)

func TestFault_X04_ReloadTextNamesMissingKeys(t *testing.T) {
	for _, test := range []struct{ name, old, flags, want string }{
		{"no runtimes before", `{"debug":true}`, "", `{"debug":true,"default-runtime":"runc","runtimes":{"nvidia":{"path":"/bin/nvidia","runtimeArgs":["-v"]}}}`},
		{"a default that is a flag", `{"debug":true}`, "--default-runtime=nvidia", `{"debug":true,"runtimes":{"nvidia":{"path":"/bin/nvidia","runtimeArgs":["-v"]}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags, err := commandline.ParseFlags(append([]string{"dockerd"}, strings.Fields(test.flags)...))
			if err != nil {
				t.Fatal(err)
			}
			to := steps.Settings{
				Default: "runc", Without: []string{"runsc"},
				Runtimes: map[string]daemonjson.Runtime{"nvidia": {Path: "/bin/nvidia", Args: []string{"-v"}}},
			}
			doc, err := ReloadText([]byte(test.old), to, flags)
			if got := strings.Join(strings.Fields(string(doc.Bytes())), ""); err != nil || got != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestFault_X05_ReloadTextHasTheOldArguments(t *testing.T) {
	to := steps.Settings{
		Default: "runsc", Without: []string{"new"},
		Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/good", Args: []string{"--right"}}},
	}
	old := []byte(`{"runtimes":{"runsc":{"path":"/good","runtimeArgs":["--wrong"]},"new":{"path":"/new"}},"default-runtime":"runsc"}`)
	doc, err := ReloadText(old, to, commandline.Flags{})
	want := `{"runtimes":{"runsc":{"path":"/good","runtimeArgs":["--right"]}},"default-runtime":"runsc"}`
	if got := strings.Join(strings.Fields(string(doc.Bytes())), ""); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
