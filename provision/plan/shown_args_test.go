package plan

import (
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/steps"
)

// Two texts may differ only in what is not shown.
func TestFault_X18_DriftedArgumentsAreShownWithoutSecrets(t *testing.T) {
	parse := func(args string) daemonjson.Document {
		doc, err := daemonjson.Parse([]byte(`{"runtimes": {"runsc": {"path": "/x/runsc", "runtimeArgs": [` + args + `]}}}`))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	one, two := parse(`"--token=hunter2", "--debug"`), parse(`"--token=hunter3", "--debug"`)
	if got, want := steps.FormatRuntime(one, "runsc"), "/x/runsc --token=… --debug"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if steps.SameRuntime(one, two, "runsc") || !steps.SameRuntime(one, one, "runsc") || steps.SameRuntime(one, daemonjson.Document{}, "runsc") {
		t.Error("two runtimes with different arguments are the same, or one is not the same as itself")
	}
	prove := steps.Prove{Release: "20260914.0", Args: []string{"-p", "hunter2", "--debug"}}
	if got, want := prove.Object(), "a sandbox of 20260914.0 starts on this host, outside Docker, with -p … --debug"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
