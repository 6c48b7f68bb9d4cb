package verify

import (
	"os"
	"strings"
	"testing"
)

func TestEveryCheckIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	for check := range about {
		if !strings.Contains(string(text), "`"+check+"`") {
			t.Errorf("docs/verification.md does not describe the check %q", check)
		}
	}
	s := newScene()
	s.container.UIDMap = s.evidence.Process.UIDMap
	for _, check := range Judge(s.container, s.evidence, s.runtimes, s.releases).Checks {
		if About(check.Name) == "" {
			t.Errorf("About does not know the check %q", check.Name)
		}
	}
}
