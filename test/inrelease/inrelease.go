// Package inrelease makes InRelease files, good ones and bad ones, with keys of its own. Each case says whether a key
// with a pinned fingerprint vouches for all that is in the file, so that any verifier can be asked about it.
package inrelease

import (
	"bytes"
	"crypto"
	_ "crypto/md5" // for signatures that must be refused
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// TB is what this package needs of a testing.TB.
type TB interface {
	Helper()
	Fatal(args ...any)
}

// Panics is a TB for programs.
type Panics struct{}

// Helper implements TB.
func (Panics) Helper() {}

// Fatal implements TB.
func (Panics) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// A Case is an InRelease file.
type Case struct {
	Name string
	File []byte
	// Text is what the file vouches for; nil if it must be refused.
	Text []byte
	// Lenient are the verifiers that accept a file which must be refused here: gpgv, sqv.
	Lenient []string
}

// Text is a Release file with what is special in clear-signed texts: a line that begins with a dash, empty lines and
// white space at the end of lines.
const Text = "Origin: test\nSuite: release\nDate: Sat, 14 Nov 2026 12:00:00 UTC\nDescription: \xc3\xa4\n-dash: one\nSHA512:\n 00 0 x\n"

// Keys are the keys of a set of cases.
type Keys struct {
	now  time.Time
	good *openpgp.Entity // pinned, an RSA key with a subkey for signatures
	// all are in the keyring: pinned keys, and one that only has the name of good.
	all []*openpgp.Entity
}

// rsaBits is the size of most keys.
const rsaBits = 2048

// NewKeys makes keys that are valid, or not, at the time now.
func NewKeys(t TB, now time.Time) *Keys {
	t.Helper()
	k := &Keys{now: now}
	k.good = k.newKey(t, rsaBits, 0)
	if err := k.good.AddSigningSubkey(config(now.Add(-30*day), rsaBits, 0)); err != nil {
		t.Fatal(err)
	}
	k.all = []*openpgp.Entity{k.good}
	return k
}

const day = 24 * time.Hour

func config(at time.Time, bits int, lifetime time.Duration) *packet.Config {
	return &packet.Config{
		Algorithm: packet.PubKeyAlgoRSA, RSABits: bits, MinRSABits: 1024, DefaultHash: crypto.SHA512,
		KeyLifetimeSecs: uint32(lifetime.Seconds()), Time: func() time.Time { return at },
	}
}

// newKey makes a key that is 30 days old.
func (k *Keys) newKey(t TB, bits int, lifetime time.Duration) *openpgp.Entity {
	t.Helper()
	key, err := openpgp.NewEntity("Test Authors", "", "test@example.com", config(k.now.Add(-30*day), bits, lifetime))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Fingerprint is that of a key, as gpg prints it.
func Fingerprint(key *openpgp.Entity) string { return fmt.Sprintf("%X", key.PrimaryKey.Fingerprint) }

// Good is the pinned key that signs most files.
func (k *Keys) Good() *openpgp.Entity { return k.good }

// Pinned are the fingerprints of the keyring.
func (k *Keys) Pinned() []string {
	var pinned []string
	for _, key := range k.all {
		pinned = append(pinned, Fingerprint(key))
	}
	return pinned
}

// Keyring has all public keys that are pinned, in binary.
func (k *Keys) Keyring(t TB) []byte { return Public(t, k.all...) }

// Public has public keys, in binary.
func Public(t TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, key := range keys {
		if err := key.Serialize(&out); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// A Signature is one of a text by an RSA key, made as its fields say, right or not.
type Signature struct {
	Key      *openpgp.Entity
	By       *packet.PrivateKey // default: the primary key of Key
	Hash     crypto.Hash        // default: SHA-512
	Type     byte               // 0 for a text, else one more than the type of RFC 9580, 5.2.1
	Made     time.Time          // default: an hour ago
	Lifetime time.Duration      // 0: for ever
	IssuerID uint64             // default: that of By
	NoIssuer bool               // name no key
	Extra    []byte             // subpackets that are signed too
}

// hashIDs are the numbers of hash functions (RFC 9580, 9.5).
var hashIDs = map[crypto.Hash]byte{crypto.MD5: 1, crypto.SHA1: 2, crypto.SHA256: 8, crypto.SHA384: 9, crypto.SHA512: 10, crypto.SHA224: 11}

// Sign returns the packet of a signature (RFC 9580, 5.2.3).
func (k *Keys) Sign(t TB, s Signature, text string) []byte {
	t.Helper()
	if s.Key == nil {
		s.Key = k.good
	}
	if s.By == nil {
		s.By = s.Key.PrivateKey
	}
	if s.Hash == 0 {
		s.Hash = crypto.SHA512
	}
	if s.Made.IsZero() {
		s.Made = k.now.Add(-time.Hour)
	}
	if s.IssuerID == 0 {
		s.IssuerID = s.By.KeyId
	}
	kind := byte(1) // of a text
	if s.Type != 0 {
		kind = s.Type - 1
	}
	hashed := subpacket(2, binary.BigEndian.AppendUint32(nil, uint32(s.Made.Unix())))
	if s.Lifetime != 0 {
		hashed = append(hashed, subpacket(3, binary.BigEndian.AppendUint32(nil, uint32(s.Lifetime.Seconds())))...)
	}
	hashed = append(hashed, s.Extra...)
	var unhashed []byte
	if !s.NoIssuer {
		unhashed = subpacket(16, binary.BigEndian.AppendUint64(nil, s.IssuerID))
	}
	const version, rsaAlgorithm = 4, 1
	head := append([]byte{version, kind, rsaAlgorithm, hashIDs[s.Hash]}, binary.BigEndian.AppendUint16(nil, uint16(len(hashed)))...)
	head = append(head, hashed...)
	sum := s.Hash.New()
	sum.Write(canonical(text))
	sum.Write(head)
	sum.Write(binary.BigEndian.AppendUint32([]byte{version, 0xff}, uint32(len(head))))
	digest := sum.Sum(nil)
	value, err := rsa.SignPKCS1v15(nil, s.By.PrivateKey.(*rsa.PrivateKey), s.Hash, digest)
	if err != nil {
		t.Fatal(err)
	}
	body := append(head, binary.BigEndian.AppendUint16(nil, uint16(len(unhashed)))...)
	body = append(append(body, unhashed...), digest[:2]...)
	number := new(big.Int).SetBytes(value)
	body = append(binary.BigEndian.AppendUint16(body, uint16(number.BitLen())), number.Bytes()...)
	const signatureTag = 0xc2
	return append(append([]byte{signatureTag, 0xff}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))...), body...)
}

func subpacket(kind byte, value []byte) []byte {
	return append([]byte{byte(len(value) + 1), kind}, value...)
}

// canonical is a text as it is signed.
func canonical(text string) []byte {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return []byte(strings.Join(lines, "\r\n"))
}

// Armor encodes packets as a signature block.
func Armor(packets ...[]byte) string { return armor("SIGNATURE", slices.Concat(packets...)) }

// ArmoredKeys encodes public keys as gpg --armor --export does.
func ArmoredKeys(keys []byte) []byte { return []byte(armor("PUBLIC KEY BLOCK", keys)) }

func armor(kind string, packets []byte) string {
	var lines strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(packets)), 64) {
		lines.Write(line)
		lines.WriteByte('\n')
	}
	return "-----BEGIN PGP " + kind + "-----\n\n" + lines.String() + "-----END PGP " + kind + "-----\n"
}

// Frame makes a clear-signed text of a text and the block of its signature.
func Frame(text, signature string) string {
	var body strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "-") {
			body.WriteString("- ")
		}
		body.WriteString(line)
	}
	return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + body.String() + signature
}

// InRelease is a good file with a text, by the good key.
func (k *Keys) InRelease(t TB, text string) []byte {
	t.Helper()
	return []byte(Frame(text, Armor(k.Sign(t, Signature{}, text))))
}
