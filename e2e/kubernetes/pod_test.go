package kubernetes_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/probe"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	"sigs.k8s.io/yaml"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/child"
)

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

func TestMain(m *testing.M) { built.Main(m) }

// manifest returns the Deployment on the page, which may have only fields that there are.
func manifest(t testing.TB) *appsv1.Deployment {
	t.Helper()
	page, err := os.ReadFile("../../docs/service.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n").FindAllSubmatch(page, -1)
	if len(found) != 1 {
		t.Fatalf("%d manifests in docs/service.md, want one", len(found))
	}
	deployment := new(appsv1.Deployment)
	if err := yaml.UnmarshalStrict(found[0][1], deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

// pod is a process of the manifest's container, and the kubelet's prober. The manifest has the port
// 8080, and the process a free one.
type pod struct {
	testing.TB
	container corev1.Container
	cmd       *exec.Cmd
	ended     chan struct{} // closed once the process has
	out       string        // the file for its work
}

// start starts the container with the arguments of the manifest, and others after them.
func start(t testing.TB, url string, more ...string) *pod {
	t.Helper()
	var port string
	if err := child.OnFreePorts(1, func(ports []string) error { port = ports[0]; return nil }); err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{TB: t, container: manifest(t).Spec.Template.Spec.Containers[0], ended: make(chan struct{}), out: filepath.Join(t.TempDir(), "work")}
	p.container.Ports[0].ContainerPort = int32(number)
	args := append(p.container.Args, "-store", url, "-http", "127.0.0.1:"+port, "-out", p.out)
	p.cmd = exec.Command(built.Racing(t, "examples/service"), append(args, more...)...)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := new(strings.Builder)
	p.cmd.Stdout, p.cmd.Stderr = said, said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the service says:\n%s", said)
		}
	})
	p.awaits(p.container.StartupProbe, probe.Success)
	return p
}

// ask makes one probe as the kubelet does.
func (p *pod) ask(spec *corev1.Probe) (probe.Result, string) {
	p.Helper()
	request, err := httpprobe.NewRequestForHTTPGetAction(spec.HTTPGet, &p.container, "127.0.0.1", "probe")
	if err != nil {
		p.Fatal(err)
	}
	result, said, err := httpprobe.New(false).Probe(request, patience)
	if err != nil {
		p.Fatal(err)
	}
	return result, said
}

// awaits waits until a probe has a result.
func (p *pod) awaits(spec *corev1.Probe, want probe.Result) {
	p.Helper()
	p.eventually(spec.HTTPGet.Path+" is a "+string(want), func() bool { result, _ := p.ask(spec); return result == want })
}

// wants checks both probes once.
func (p *pod) wants(when string, live, ready probe.Result) {
	p.Helper()
	for spec, want := range map[*corev1.Probe]probe.Result{p.container.LivenessProbe: live, p.container.ReadinessProbe: ready} {
		if result, said := p.ask(spec); result != want {
			p.Errorf("%s: %s is a %s (%s), want %s", when, spec.HTTPGet.Path, result, said, want)
		}
	}
}

func (p *pod) eventually(what string, is func() bool) {
	p.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			p.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// works waits for the next piece of work.
func (p *pod) works() {
	p.Helper()
	size := func() int64 {
		if file, err := os.Stat(p.out); err == nil {
			return file.Size()
		}
		return 0
	}
	before := size()
	p.eventually("it works", func() bool { return size() > before })
}

// block returns once the service is stuck in a piece of work, which goes on when the function that
// block returns is called. The file for the work is a FIFO without a reader meanwhile.
func (p *pod) block() (unblock func()) {
	p.Helper()
	fifo := filepath.Join(filepath.Dir(p.out), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		p.Fatal(err)
	}
	if err := os.Rename(fifo, p.out); err != nil {
		p.Fatal(err)
	}
	opens := strconv.Itoa(syscall.SYS_OPENAT) + " "
	p.eventually("a thread is stuck in opening the FIFO", func() bool {
		threads, _ := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/syscall")
		return slices.ContainsFunc(threads, func(thread string) bool {
			call, _ := os.ReadFile(thread)
			return strings.HasPrefix(string(call), opens)
		})
	})
	return func() {
		p.Helper()
		reader, err := os.OpenFile(p.out, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			p.Fatal(err)
		}
		p.Cleanup(func() { reader.Close() })
	}
}

// exits waits for the end of the process.
func (p *pod) exits(code int) {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-p.ended:
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.Errorf("exit %d, want %d", got, code)
		}
	case <-ctx.Done():
		p.Fatal("the process does not end")
	}
}
