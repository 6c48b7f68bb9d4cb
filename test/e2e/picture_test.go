package e2e

import (
	"os"
	"testing"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/pages"
	"runsc-provisioner/test/session"
)

// TestPages_Picture: the picture in the README shows what a session on a host shows today.
func TestPages_Picture(t *testing.T) {
	if os.Getenv(pagesEnv) != "all" && os.Getenv(matrixEnv) != "1" {
		t.Skipf("set %s=all to record the session", pagesEnv)
	}
	svg, err := os.ReadFile("../../docs/session.svg")
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := session.Text(svg)
	if err != nil {
		t.Fatal(err)
	}
	h := boot(t, lab.Options{Name: "picture"})
	shown, err := session.Record(t.Context(), h.Host, t)
	if err != nil {
		t.Fatal(err)
	}
	now, err := session.Text(session.SVG(session.Lines(shown, session.Width)))
	if err != nil {
		t.Fatal(err)
	}
	if pages.Comparable(drawn) != pages.Comparable(now) {
		t.Errorf("docs/session.svg shows\n%s\na session shows\n%s\nrun make picture", drawn, now)
	}
}
