package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// ReleaseHost is the name under which a host finds its release server; OtherHost is the same server under a name that no release url has.
const (
	ReleaseHost = "releases.lab"
	OtherHost   = "other.lab"
)

// certificateLife is longer than any cache is kept.
const certificateLife = 10 * 365 * 24 * time.Hour

// authority makes the lab's certificate authority and the release server's
// certificate: ca.pem, server.pem, server.key. It does not keep the authority's
// key, so no one can sign with it later.
func (c *Cache) authority(ctx context.Context) (string, error) {
	return c.artefact(ctx, "authority", "1 "+ReleaseHost+" "+OtherHost, func(_ context.Context, dir string) error {
		caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		now := time.Now()
		ca := &x509.Certificate{
			SerialNumber:          big.NewInt(1),
			Subject:               pkix.Name{CommonName: "runsc-provisioner lab authority"},
			NotBefore:             now.Add(-time.Hour),
			NotAfter:              now.Add(certificateLife),
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign,
		}
		caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
		if err != nil {
			return err
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		server := &x509.Certificate{
			SerialNumber: big.NewInt(2),
			Subject:      pkix.Name{CommonName: ReleaseHost},
			DNSNames:     []string{ReleaseHost, OtherHost},
			NotBefore:    ca.NotBefore,
			NotAfter:     ca.NotAfter,
			KeyUsage:     x509.KeyUsageDigitalSignature,
			ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, key.Public(), caKey)
		if err != nil {
			return err
		}
		keyDER, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return err
		}
		for _, f := range []struct {
			name, block string
			der         []byte
			mode        os.FileMode
		}{
			{"ca.pem", "CERTIFICATE", caDER, 0o644},
			{"server.pem", "CERTIFICATE", serverDER, 0o644},
			{"server.key", "EC PRIVATE KEY", keyDER, 0o600},
		} {
			text := pem.EncodeToMemory(&pem.Block{Type: f.block, Bytes: f.der})
			if err := os.WriteFile(filepath.Join(dir, f.name), text, f.mode); err != nil {
				return err
			}
		}
		return nil
	})
}
