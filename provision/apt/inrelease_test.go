package apt

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/inrelease"
)

func pins(t testing.TB, texts ...string) []Fingerprint {
	t.Helper()
	var all []Fingerprint
	for _, text := range texts {
		f, err := ParseFingerprint(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestFault_S01_InReleaseFiles(t *testing.T) {
	now := time.Now()
	keys := inrelease.NewKeys(t, now)
	cases := keys.Cases(t)
	ring, err := ReadKeys(keys.Keyring(t), pins(t, keys.Pinned()...))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			text, signer, err := ring.Verify(c.File, now)
			switch {
			case c.Text == nil && err == nil:
				t.Errorf("got it accepted, signed by %s", signer)
			case c.Text != nil && (err != nil || !bytes.Equal(text, c.Text)):
				t.Errorf("got %.300q, %v, want %.300q", text, err, c.Text)
			case err != nil:
				t.Log(err)
			}
		})
	}
	t.Logf("%d files", len(cases))
}

func TestReadKeys(t *testing.T) {
	now := time.Now()
	keys, other := inrelease.NewKeys(t, now), inrelease.NewKeys(t, now)
	pinned := pins(t, keys.Pinned()...)
	both := inrelease.Public(t, other.Good(), keys.Good())
	file := keys.InRelease(t, inrelease.Text)
	for name, text := range map[string][]byte{"binary": both, "armored": inrelease.ArmoredKeys(both)} {
		ring, err := ReadKeys(text, pinned)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, signer, err := ring.Verify(file, now); err != nil || signer != pinned[0] {
			t.Errorf("%s: got %s, %v, want %s", name, signer, err, pinned[0])
		}
		if _, _, err := ring.Verify(other.InRelease(t, inrelease.Text), now); err == nil {
			t.Errorf("%s: a key without a pin signs", name)
		}
	}
	var unpinned *KeyError
	if _, err := ReadKeys(other.Keyring(t), pinned); !errors.As(err, &unpinned) || !slices.Equal(unpinned.Found, pins(t, other.Pinned()...)) || !slices.Equal(unpinned.Pinned, pinned) {
		t.Errorf("another key: got %v, want both fingerprints", err)
	}
	for name, text := range map[string][]byte{"empty": nil, "a page": []byte("<html>\n"), "cut": both[:100], "long": make([]byte, MaxKeys+1)} {
		if _, err := ReadKeys(text, pinned); err == nil {
			t.Errorf("%s: got it read", name)
		}
	}
}

func TestParseFingerprint(t *testing.T) {
	const shown = "6F1D F85E 3A71 C249 18E7  27D5 6FC6 D554 E32B D943"
	f, err := ParseFingerprint(shown)
	if err != nil || f != "6F1DF85E3A71C24918E727D56FC6D554E32BD943" || f.String() != shown {
		t.Errorf("got %q, %s, %v", string(f), f, err)
	}
	for _, text := range []string{"", "6FC6D554E32BD943", shown + "00", strings.Replace(shown, "6F", "6X", 1)} {
		if f, err := ParseFingerprint(text); err == nil {
			t.Errorf("%q: got %s", text, f)
		}
	}
}

// FuzzSplitSigned: what is taken out of a frame is the text that was signed, whole, and nothing else of the file.
func FuzzSplitSigned(f *testing.F) {
	f.Add([]byte(inrelease.Frame(inrelease.Text, inrelease.Armor([]byte("packets")))))
	f.Add([]byte(inrelease.Frame("- a\n\n", inrelease.Armor(nil))))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n\n-----BEGIN PGP SIGNATURE-----\n\n=abcd\n-----END PGP SIGNATURE-----"))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := splitSigned(file)
		if err != nil {
			return
		}
		if want := strings.ReplaceAll(string(s.canonical), "\r\n", "\n"); strings.TrimSuffix(string(s.text), "\n") != want {
			t.Fatalf("text %q, signed %q", s.text, s.canonical)
		}
		again, err := splitSigned([]byte(inrelease.Frame(string(s.text), inrelease.Armor(s.signatures))))
		if err != nil || !bytes.Equal(again.canonical, s.canonical) || !bytes.Equal(again.signatures, s.signatures) {
			t.Fatalf("framed again: got %+v, %v, want %+v", again, err, s)
		}
	})
}
