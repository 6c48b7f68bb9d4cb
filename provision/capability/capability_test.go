package capability

import "testing"

func TestAnEngineHasACapabilityFromItsFirstVersionToItsLast(t *testing.T) {
	for _, test := range []struct {
		version string
		name    Name
		want    bool
	}{
		{"20.10.24+dfsg1", Validate, false},
		{"23.0.0", Validate, true},
		{"24.0.9", ReportsType, true},
		{"25.0.0-rc.1", ReportsType, false},
		{"26.1.5+dfsg1", BuildKitCommand, true},
		{"25.0.14", BuildKitCommand, false},
		{"27.5.1", IDsApart, true},
		{"28.0.0", IDsApart, false},
		{"28.5.2", RemapWithStore, true},
		{"29.3.1", RemapWithStore, false},
		{"29.3.1", StoreByDefault, true},
		{"31.0.0", StoreByDefault, true}, // treated as the newest
		{"dev", StoreByDefault, true},
		{"19.03.15", KeepsDefault, true},
	} {
		if got := Of(test.version).Can(test.name); got != test.want {
			t.Errorf("%s: %s: got %t, want %t", test.version, test.name, got, test.want)
		}
	}
}

func TestAnEngineOutsideTheTableSaysSo(t *testing.T) {
	for version, untested := range map[string]bool{
		"19.03.15": true, "20.10.0": false, "20.10.24+dfsg1": false, "28.5.2": false, "29.0.0+moby.2.0.0-beta.24": false, "29.9.3": false,
		"30.0.0": true, "30.0.0-rc.1": true, "library-import": true, "": true,
	} {
		if got := Of(version).Untested(); (got != "") != untested {
			t.Errorf("%q: got %q, want a sentence: %t", version, got, untested)
		}
	}
}
