package storeurl_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// use creates and reads a record.
func use(t *testing.T, url string) error {
	t.Helper()
	st, closeStore, err := storeurl.Open(t.Context(), url)
	if err != nil {
		return err
	}
	_, err = st.Create(t.Context(), store.Claim{Key: "k", Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()})
	return errors.Join(err, closeStore())
}

func TestOpen(t *testing.T) {
	redis := redistest.Start(t, "--user", "worker", "on", ">s3cret", "~*", "&*", "+@all")
	for _, url := range []string{"memory:", "redis://worker:s3cret@" + redis.Addr() + "/3?read_timeout=2s"} {
		if err := use(t, url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	_, err := storeurl.Parse("redis://worker:s3cret@" + redis.Addr() + "/3?password=s3cret")
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a parameter that go-redis does not know: %v", err)
	}
	if target, err := storeurl.Parse("redis://worker:s3cret@" + redis.Addr() + "/3?read_timeout=2s"); err != nil || strings.Contains(target.String(), "s3cret") {
		t.Errorf("shown as %s, %v", target, err)
	}
	if err := use(t, "redis://worker:wr0ng@"+redis.Addr()); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong password: %v", err)
	}
	if _, _, err := (storeurl.Target{}).Open(t.Context()); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a target that was not parsed: %v", err)
	}
}

func TestPasswordsWithoutEscapesAreNotQuoted(t *testing.T) {
	for _, format := range []string{
		"redis://u:%s/%s@h:1", "redis://u:%s?%s@h:1", "redis://u:%s#%s@h:1", "redis://u:%s%%%s@h:1", "redis://:%s,%s/@h:1",
		"redis://u:1/%s%s@h:1", "redis://u:1/0#%s%s@h:1", "redis://u:1?%s%s@h:1", "redis://u:1?db=%s%s@h:1",
		"redis+sentinel://u:1/%s%s@h:1?master_name=m", "redis+cluster://u:1/%s%s@h:1,g:1", "etcd://u:1/%s%s@h:1", "etcd://u:1#%s%s@h:1",
		"redis+cluster://u:%s,%s/x@h:1", "etcds://u:%s/%s@h:1?ca=x",
	} {
		url := fmt.Sprintf(format, "sec", "ret")
		target, err := storeurl.Parse(url)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "%2F") {
			t.Errorf("%s: %v, %v, want how to write it", url, target, err)
		}
		if err != nil && (strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "ret")) {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"redis://u:s%2Fe%3Fc%23r%25@h:1", "redis://u:a@b@h:1", "redis+sentinel://h:1?master_name=a@b"} {
		if _, err := storeurl.Parse(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A URL without // would name no host, and so the one of the client's defaults.
func TestURLsThatNameNoHostAreRefused(t *testing.T) {
	for url, want := range map[string]string{
		"redis:host:6379": "redis://", "redis:/0": "redis://", "redis+cluster:host:7000": "redis+cluster://", "etcd:host:2379": "etcd://", "redis://h:1/0#x": "#",
	} {
		target, err := storeurl.Parse(url)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", url, target, err, want)
		}
	}
}

// A server that asks for certificates, and has one that nobody knows, is reached with those of the
// URL and not without.
func TestCertificatesOfTheURL(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	var port string
	err := child.OnFreePorts(1, func(ports []string) error {
		port = ports[0]
		i, err := redistest.Run(t.TempDir(), "--tls-port", port, "--tls-auth-clients", "yes",
			"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca)
		if err == nil {
			t.Cleanup(i.Stop)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	url := "rediss://127.0.0.1:" + port
	if err := use(t, url+"?ca="+ca+"&cert="+cert+"&key="+key); err != nil {
		t.Error(err)
	}
	for _, query := range []string{"", "?ca=" + ca, "?cert=" + cert + "&key=" + key} {
		if err := use(t, url+query); err == nil {
			t.Errorf("%s works", query)
		}
	}
}

func TestBadCertificatesAreRefused(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	for url, want := range map[string]string{
		"redis://h:1?ca=" + ca:                            "scheme",
		"etcd://h:1?ca=" + ca:                             "scheme",
		"etcds://h:1?cert=" + cert:                        "together",
		"rediss://h:1?key=" + key:                         "together",
		"etcds://h:1?ca=" + filepath.Join(dir, "none"):    "cannot be read",
		"etcds://h:1?ca=" + key:                           "PEM",
		"etcds://h:1?cert=" + ca + "&key=" + key:          "cannot be used",
		"etcds://h:1?prefix=x":                            "nothing after",
		"rediss+sentinel://h:1?master_name=m&ca=" + dir:   "cannot be read",
		"rediss+cluster://h:1,g:2?ca=" + ca + "&unknown=": "unknown",
	} {
		_, err := storeurl.Parse(url)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	for _, url := range []string{"etcds://h:1,g:2?ca=" + ca, "rediss+sentinel://h:1?master_name=m&ca=" + ca, "rediss+cluster://h:1?cert=" + cert + "&key=" + key} {
		if _, err := storeurl.Parse(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// certificates writes the files of an authority and of a certificate for 127.0.0.1 that it signed.
func certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	template := func(serial int64, isCA bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprint("test ", serial)}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true,
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	own, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	root, err3 := x509.CreateCertificate(rand.Reader, template(1, true), template(1, true), &authority.PublicKey, authority)
	leaf, err4 := x509.CreateCertificate(rand.Reader, template(2, false), template(1, true), &own.PublicKey, authority)
	encoded, err5 := x509.MarshalECPrivateKey(own)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	return write("ca.pem", "CERTIFICATE", root), write("cert.pem", "CERTIFICATE", leaf), write("key.pem", "EC PRIVATE KEY", encoded)
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := storeurl.Open(ended, "redis://127.0.0.1:1"); err == nil {
		t.Error("a store without a server was opened")
	}
}
