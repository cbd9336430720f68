package clientgo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
)

// programVariable names a kube-apiserver in the environment, which is run in place of the one of the
// module apiserver.
const programVariable = "LEASEHOLD_KUBE_APISERVER"

var apiServerProgram string

// etcd runs below the API server, and has the leases of the tests of mixed fleets too.
var etcd *etcdtest.Instances

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	stop, err := start()
	if err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		stop()
		os.Exit(code)
	}), goleak.IgnoreCurrent())
}

// start builds the programs and starts etcd. The result ends it.
func start() (stop func(), err error) {
	programs, err := os.MkdirTemp("", "clientgo")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(programs)
		}
	}()
	apiServerProgram = os.Getenv(programVariable)
	if err := build("../..", "", filepath.Join(programs, "etcd"), "./e2e/etcdtest/etcdmember"); err != nil {
		return nil, err
	}
	if apiServerProgram == "" {
		apiServerProgram = filepath.Join(programs, "kube-apiserver")
		if err := build("apiserver", "off", apiServerProgram, "k8s.io/kubernetes/cmd/kube-apiserver"); err != nil {
			return nil, err
		}
	}
	etcd, err = etcdtest.Run(programs, []string{filepath.Join(programs, "etcd")}, etcdtest.Settings{})
	if err != nil {
		return nil, err
	}
	return func() {
		etcd.Stop()
		os.RemoveAll(programs)
	}, nil
}

// build builds a program in a folder, with a GOWORK.
func build(dir, work, program, name string) error {
	cmd := exec.Command("go", "build", "-o", program, name)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK="+work)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build of %s: %w: %s", name, err, text)
	}
	return nil
}

// apiServer is a kube-apiserver. Several may run on the etcd of all.
type apiServer struct {
	config *rest.Config
	cmd    *exec.Cmd
}

const bearer = "secret"

// serve starts an API server, and returns once it is ready. It ends with the test.
func serve(t *testing.T) *apiServer {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	accounts := file("accounts.pem", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	tokens := file("tokens.csv", []byte(bearer+`,test,1,"system:masters"`+"\n"))
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	port := freePort(t)
	s := &apiServer{cmd: exec.Command(apiServerProgram,
		"--etcd-servers="+strings.Join(etcd.Endpoints(), ","), "--endpoint-reconciler-type=none",
		"--bind-address=127.0.0.1", fmt.Sprint("--secure-port=", port), "--cert-dir="+dir,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file="+accounts, "--service-account-key-file="+accounts,
		"--token-auth-file="+tokens, "--authorization-mode=AlwaysAllow",
		"--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount")}
	s.cmd.Stdout, s.cmd.Stderr = logs, logs
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	s.config = &rest.Config{
		Host: fmt.Sprint("https://127.0.0.1:", port), BearerToken: bearer,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true}, // its certificate is its own, on this machine
	}
	client := s.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil {
			return s
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			text, _ := os.ReadFile(logs.Name())
			t.Fatalf("kube-apiserver is not ready: %v\n%s", err, text)
		}
	}
}

// client returns a new client of the server.
func (s *apiServer) client(t *testing.T, changes ...func(*rest.Config)) *kubernetes.Clientset {
	t.Helper()
	cfg := rest.CopyConfig(s.config)
	for _, change := range changes {
		change(cfg)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
