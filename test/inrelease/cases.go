package inrelease

import (
	"bytes"
	"crypto"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// The verifiers of Debian accept some files that are refused here: they skip text around a signature, and leave some of
// the policy to apt.
var (
	gpgv = []string{"gpgv"}
	sqv  = []string{"sqv"}
	both = []string{"gpgv", "sqv"}
)

// Cases makes the cases, with further keys for some of them.
func (k *Keys) Cases(t TB) []Case {
	t.Helper()
	return append(append(k.goodCases(t), k.signatureCases(t)...), k.frameCases(t)...)
}

// pinned adds a pinned key to the ring.
func (k *Keys) pinned(key *openpgp.Entity) *openpgp.Entity {
	k.all = append(k.all, key)
	return key
}

// of signs Text.
func (k *Keys) of(t TB, s Signature) []byte {
	t.Helper()
	return []byte(Frame(Text, Armor(k.Sign(t, s, Text))))
}

func (k *Keys) goodCases(t TB) []Case {
	t.Helper()
	stranger := k.newKey(t, rsaBits, 0)
	good, unknown := k.Sign(t, Signature{}, Text), k.Sign(t, Signature{Key: stranger}, Text)
	hash := func(headers string) []byte {
		return bytes.Replace(k.of(t, Signature{}), []byte("Hash: SHA512\n"), []byte(headers), 1)
	}
	wrapped := strings.ReplaceAll(Armor(good), "\n\n", "\nVersion: GnuPG v2\nComment: a: b\n\n")
	short := k.Text(t, "a\n")
	cases := []Case{
		{Name: "SHA-512", File: k.of(t, Signature{})},
		{Name: "SHA-384", File: bytes.Replace(k.of(t, Signature{Hash: crypto.SHA384}), []byte("SHA512"), []byte("SHA384"), 1)},
		{Name: "SHA-256", File: bytes.Replace(k.of(t, Signature{Hash: crypto.SHA256}), []byte("SHA512"), []byte("SHA256"), 1)},
		{Name: "two hashes in a header", File: hash("Hash: SHA256, SHA512\n")},
		{Name: "two headers", File: hash("Hash: SHA256\nHash: SHA512\n")},
		{Name: "headers in the signature", File: []byte(Frame(Text, wrapped))},
		{Name: "no line feed at the end", File: bytes.TrimSuffix(k.of(t, Signature{}), []byte("\n"))},
		{Name: "a subkey", File: k.of(t, Signature{By: k.good.Subkeys[1].PrivateKey})},
		{Name: "an unknown key first", File: []byte(Frame(Text, Armor(unknown, good)))},
		{Name: "an unknown key second", File: []byte(Frame(Text, Armor(good, unknown)))},
		{Name: "a signature that still lasts", File: k.of(t, Signature{Lifetime: 2 * time.Hour})},
		{Name: "a key that still lasts", File: k.of(t, Signature{Key: k.pinned(k.newKey(t, rsaBits, 60*day))})},
		{Name: "a second pinned key", File: k.of(t, Signature{Key: k.pinned(k.newKey(t, 3072, 0))})},
		{Name: "an old signature", File: k.of(t, Signature{Made: k.now.Add(-20 * day)})},
		{Name: "base64 in one line", File: []byte(Frame(Text, oneLine(Armor(good))))},
		short, k.Text(t, "\n"), k.Text(t, "a\n\n\nb\n\n"), k.Text(t, "- a\n-- b\n-----BEGIN PGP SIGNATURE----- \n"),
		k.Text(t, strings.Repeat("a long line ", 1000)+"\n"), k.Text(t, "From here\nTab\tinside\n"), k.Text(t, strings.Repeat("x\n", 20000)),
	}
	for i := range cases {
		if cases[i].Text == nil {
			cases[i].Text = []byte(Text)
		}
	}
	return cases
}

// Text is a good file with a text.
func (k *Keys) Text(t TB, text string) Case {
	t.Helper()
	name := text
	if len(name) > 30 {
		name = name[:30]
	}
	signed := strings.ReplaceAll(string(canonical(text)), "\r\n", "\n") + "\n"
	return Case{Name: "the text " + strings.ReplaceAll(name, "\n", "⏎"), File: k.InRelease(t, text), Text: []byte(signed)}
}

// oneLine joins the lines of an armored block.
func oneLine(armor string) string {
	head, rest, _ := strings.Cut(armor, "\n\n")
	body, tail, _ := strings.Cut(rest, "-----END")
	return head + "\n\n" + strings.ReplaceAll(body, "\n", "") + "\n-----END" + tail
}

// signatureCases have a proper frame, and no signature that vouches for the text.
func (k *Keys) signatureCases(t TB) []Case {
	t.Helper()
	stranger := k.newKey(t, rsaBits, 0)
	good := k.Sign(t, Signature{}, Text)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-5] ^= 1
	revoked := k.pinned(k.newKey(t, rsaBits, 0))
	if err := revoked.Revoke(packet.KeyCompromised, "", config(k.now.Add(-day), rsaBits, 0)); err != nil {
		t.Fatal(err)
	}
	expired := k.pinned(k.newKey(t, rsaBits, 10*day))
	small := k.pinned(k.newKey(t, 1024, 0))
	old := k.pinned(k.newKey(t, rsaBits, 0))
	if err := old.AddSigningSubkey(config(k.now.Add(-30*day), rsaBits, 10*day)); err != nil {
		t.Fatal(err)
	}
	withdrawn := k.pinned(k.newKey(t, rsaBits, 0))
	err := withdrawn.AddSigningSubkey(config(k.now.Add(-30*day), rsaBits, 0))
	if err == nil {
		err = withdrawn.Subkeys[1].Revoke(packet.KeyCompromised, "", config(k.now.Add(-day), rsaBits, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	weak := func(hash crypto.Hash, name string) []byte {
		return bytes.Replace(k.of(t, Signature{Hash: hash}), []byte("SHA512"), []byte(name), 1)
	}
	critical := append([]byte{byte(13 + 1), 0x80 | 20, 0x80, 0, 0, 0}, []byte("\x00\x03\x00\x02a@bxy")...)
	return []Case{
		{Name: "a changed text", File: bytes.Replace(k.of(t, Signature{}), []byte("Suite: release"), []byte("Suite: Release"), 1)},
		{Name: "a line more", File: bytes.Replace(k.of(t, Signature{}), []byte("Suite:"), []byte("Label: x\nSuite:"), 1)},
		{Name: "a line less", File: bytes.Replace(k.of(t, Signature{}), []byte("Suite: release\n"), nil, 1)},
		{Name: "a flipped bit", File: []byte(Frame(Text, Armor(flipped)))},
		{Name: "an unknown key", File: k.of(t, Signature{Key: stranger})},
		{Name: "an unknown key with the id of the pinned one", File: k.of(t, Signature{Key: stranger, IssuerID: k.good.PrimaryKey.KeyId})},
		{Name: "a signature of another text", File: []byte(Frame(Text, Armor(k.Sign(t, Signature{}, "other\n"))))},
		{Name: "an expired signature", File: k.of(t, Signature{Lifetime: time.Minute})},
		{Name: "a signature from the future", Lenient: gpgv, File: k.of(t, Signature{Made: k.now.Add(day)})},
		{Name: "a signature older than its key", File: k.of(t, Signature{Made: k.now.Add(-60 * day)})},
		{Name: "an expired key, signed before", Lenient: sqv, File: k.of(t, Signature{Key: expired, Made: k.now.Add(-25 * day)})},
		{Name: "an expired key, signed after", File: k.of(t, Signature{Key: expired})},
		{Name: "a revoked key, signed before", File: k.of(t, Signature{Key: revoked, Made: k.now.Add(-2 * day)})},
		{Name: "a revoked key, signed after", File: k.of(t, Signature{Key: revoked})},
		{Name: "an expired subkey", File: k.of(t, Signature{Key: old, By: old.Subkeys[1].PrivateKey})},
		{Name: "a revoked subkey", File: k.of(t, Signature{Key: withdrawn, By: withdrawn.Subkeys[1].PrivateKey})},
		{Name: "a subkey for encryption", File: k.of(t, Signature{By: k.good.Subkeys[0].PrivateKey})},
		{Name: "a subkey of another key", File: k.of(t, Signature{Key: stranger, By: withdrawn.Subkeys[0].PrivateKey})},
		{Name: "MD5", File: weak(crypto.MD5, "MD5")},
		{Name: "SHA-1", Lenient: gpgv, File: weak(crypto.SHA1, "SHA1")},
		{Name: "SHA-224", Lenient: both, File: weak(crypto.SHA224, "SHA224")},
		{Name: "RSA of 1024 bits", File: k.of(t, Signature{Key: small})},
		{Name: "a signature of bytes", Lenient: gpgv, File: k.of(t, Signature{Type: 1})},
		{Name: "a standalone signature", File: k.of(t, Signature{Type: 3})},
		{Name: "a certification", File: k.of(t, Signature{Type: 0x10 + 1})},
		{Name: "a signature that names no key", File: k.of(t, Signature{NoIssuer: true})},
		{Name: "an unknown critical notation", File: k.of(t, Signature{Extra: critical})},
		{Name: "no signature in the block", File: []byte(Frame(Text, Armor()))},
		{Name: "a cut signature", File: []byte(Frame(Text, Armor(good[:len(good)-20])))},
		{Name: "a literal packet before the signature", File: []byte(Frame(Text, Armor([]byte("\xcb\x09b\x00\x00\x00\x00\x00abc"), good)))},
		{Name: "a key before the signature", File: []byte(Frame(Text, Armor(Public(t, stranger), k.Sign(t, Signature{Key: stranger}, Text))))},
	}
}

// frameCases have a good signature in a frame that is not proper.
func (k *Keys) frameCases(t TB) []Case {
	t.Helper()
	file := k.of(t, Signature{})
	replace := func(old, with string) []byte { return bytes.Replace(file, []byte(old), []byte(with), 1) }
	block := Armor(k.Sign(t, Signature{}, Text))
	forged := []byte(Frame("Suite: forged\n", block))
	return []Case{
		{Name: "empty", File: nil},
		{Name: "text before", Lenient: both, File: append([]byte("Suite: forged\n"), file...)},
		{Name: "an empty line before", Lenient: both, File: append([]byte("\n"), file...)},
		{Name: "text after", Lenient: both, File: append(bytes.Clone(file), "Suite: forged\n"...)},
		{Name: "white space after", Lenient: both, File: append(bytes.Clone(file), " \n"...)},
		{Name: "empty lines after", Lenient: both, File: append(bytes.Clone(file), "\n\n"...)},
		{Name: "the file twice", Lenient: sqv, File: append(bytes.Clone(file), file...)},
		{Name: "a forged file after", Lenient: sqv, File: append(bytes.Clone(file), forged...)},
		{Name: "a forged file before", File: append(bytes.Clone(forged), file...)},
		{Name: "text before the signature block", File: replace("-----BEGIN PGP SIGNATURE", "Suite: forged\n-----BEGIN PGP SIGNATURE")},
		{Name: "text among the headers", Lenient: sqv, File: replace("Hash: SHA512\n", "Hash: SHA512\nSuite: forged\n")},
		{Name: "a header that is not Hash", Lenient: sqv, File: replace("Hash: SHA512\n", "Hash: SHA512\nComment: x\n")},
		{Name: "no empty line after the headers", File: replace("Hash: SHA512\n\n", "Hash: SHA512\n")},
		{Name: "carriage returns", Lenient: both, File: bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n"))},
		{Name: "a carriage return in the text", Lenient: both, File: replace("Suite: release\n", "Suite: release\r\n")},
		{Name: "a null byte in the text", File: replace("Suite: release\n", "Suite: rel\x00ease\n")},
		{Name: "a dash that is not escaped", Lenient: both, File: replace("- -dash", "-dash")},
		{Name: "a second begin in the text", File: replace("Suite: release\n", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nSuite: release\n")},
		{Name: "white space after begin", Lenient: both, File: replace("MESSAGE-----\n", "MESSAGE----- \n")},
		{Name: "begin in lower case", File: replace("-----BEGIN PGP SIGNED", "-----begin PGP SIGNED")},
		{Name: "no signature", File: []byte(strings.SplitAfter(string(file), " 00 0 x\n")[0])},
		{Name: "no end of the signature", Lenient: gpgv, File: replace("-----END PGP SIGNATURE-----\n", "")},
		{Name: "a signature alone", File: []byte(block)},
		{Name: "no frame", File: []byte(Text)},
		{Name: "an empty line in the base64", Lenient: both, File: []byte(Frame(Text, strings.Replace(block, "\n-----END", "\n\n-----END", 1)))},
		{Name: "no base64", File: []byte(Frame(Text, strings.Replace(block, "\n\n", "\n\n!!!!", 1)))},
		{Name: "two signature blocks", Lenient: both, File: append(bytes.Clone(file), block...)},
		{Name: "no headers at the signature", Lenient: sqv, File: []byte(Frame(Text, strings.Replace(block, "\n\n", "\n", 1)))},
	}
}
