package host

import "testing"

func TestSwitchesBuildKitOn(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, "": false, `{"features":{"buildkit":true}}`: true, `{"features":{"buildkit":false}}`: false,
	} {
		if got := switchesBuildKitOn(documentOf(t, text)); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}
