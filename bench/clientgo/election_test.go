package clientgo

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Times of the candidates here: client-go's own proportions, and a third of its defaults.
const (
	duration = 5 * time.Second
	deadline = 3 * time.Second
	retry    = 500 * time.Millisecond
)

// lockOf returns client-go's lock of a name in the namespace default.
func lockOf(client kubernetes.Interface, name, identity string) resourcelock.Interface {
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: "default", Name: name},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}
}

// candidate stands for election until it has led once, or is told to end.
type candidate struct {
	*leaderelection.LeaderElector
	leads  chan context.Context // gets the context of OnStartedLeading
	ended  chan struct{}        // closed once Run has returned
	resign context.CancelFunc
}

func stand(t *testing.T, lock resourcelock.Interface, changes ...func(*leaderelection.LeaderElectionConfig)) *candidate {
	t.Helper()
	c := &candidate{leads: make(chan context.Context, 1), ended: make(chan struct{})}
	cfg := leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: duration, RenewDeadline: deadline, RetryPeriod: retry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { c.leads <- ctx },
			OnStoppedLeading: func() {},
		},
	}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if c.LeaderElector, err = leaderelection.NewLeaderElector(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.resign = cancel
	go func() {
		defer close(c.ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-c.ended })
	return c
}

// lead returns the context of a candidate that leads.
func (c *candidate) lead(t *testing.T) context.Context {
	t.Helper()
	select {
	case ctx := <-c.leads:
		return ctx
	case <-time.After(time.Minute):
		t.Fatal("it does not lead")
		return nil
	}
}

// await waits until ok.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute:", what)
		}
	}
}

func releasing(c *leaderelection.LeaderElectionConfig) { c.ReleaseOnCancel = true }

// counting counts the requests of a client.
type counting struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// A waiter asks for the lock again and again: nobody tells it.
func TestAWaiterPolls(t *testing.T) {
	s := serve(t)
	first := stand(t, lockOf(s.client(t), "polls", "a"), releasing)
	first.lead(t)
	var asked atomic.Int64
	second := stand(t, lockOf(s.client(t, func(c *rest.Config) {
		c.Wrap(func(rt http.RoundTripper) http.RoundTripper { return counting{rt, &asked} })
	}), "polls", "b"))
	await(t, "the waiter asks ten times", func() bool { return asked.Load() >= 10 })
	released := time.Now()
	first.resign()
	<-first.ended
	second.lead(t)
	t.Logf("with a RetryPeriod of %v the next leads %v after the leader was told to end",
		retry, time.Since(released).Round(time.Millisecond))
}

// A leader that is told to end lets go of the lock while its work still runs, and another leads.
func TestTheLockIsReleasedBeforeTheWorkHasEnded(t *testing.T) {
	s := serve(t)
	works := make(chan struct{})
	first := stand(t, lockOf(s.client(t), "released", "a"), releasing, func(c *leaderelection.LeaderElectionConfig) {
		c.Callbacks.OnStartedLeading = func(ctx context.Context) {
			works <- struct{}{}
			<-ctx.Done()
			works <- struct{}{} // once it has tidied up
		}
	})
	<-works
	second := stand(t, lockOf(s.client(t), "released", "b"))
	first.resign()
	second.lead(t)
	select {
	case <-first.ended:
	case <-time.After(time.Minute):
		t.Error("Run waits for OnStartedLeading")
	}
	<-works // the work of the first was still under way
}

// A dead holder's lock costs each new candidate a LeaseDuration from when it first looked, by its own
// clock, whatever the times in the lock say.
func TestACandidateWaitsFromWhenItFirstLooked(t *testing.T) {
	s := serve(t)
	client := s.client(t)
	for name, renewed := range map[string]time.Time{"long-ago": time.Now().Add(-time.Hour), "in-an-hour": time.Now().Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seconds, holder, at := int32(duration/time.Second), "dead", metav1.NewMicroTime(renewed)
			_, err := client.CoordinationV1().Leases("default").Create(t.Context(), &coordinationv1.Lease{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &at, AcquireTime: &at},
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			stand(t, lockOf(s.client(t), name, "b")).lead(t)
			took := time.Since(began)
			t.Logf("a LeaseDuration of %v, renewed by a clock %v off: leads after %v", duration, time.Until(renewed).Round(time.Minute), took.Round(time.Millisecond))
			if took < duration {
				t.Errorf("after %v", took)
			}
		})
	}
}

// Without the server a leader stops at its RenewDeadline, and IsLeader still says yes.
func TestALeaderStopsWithoutTheServer(t *testing.T) {
	s := serve(t)
	c := stand(t, lockOf(s.client(t), "away", "a"))
	ctx := c.lead(t)
	s.cmd.Process.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	<-ctx.Done()
	t.Logf("with a RenewDeadline of %v its context ends %v after the server stood still", deadline, time.Since(stopped).Round(time.Millisecond))
	<-c.ended
	if !c.IsLeader() {
		t.Error("IsLeader says no")
	}
}

// A leader whose lock an operator deletes makes it anew, and is told nothing.
func TestADeletedLockIsMadeAnew(t *testing.T) {
	s := serve(t)
	client := s.client(t).CoordinationV1().Leases("default")
	c := stand(t, lockOf(s.client(t), "deleted", "a"))
	ctx := c.lead(t)
	if err := client.Delete(t.Context(), "deleted", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, "the lock is there again", func() bool {
		l, err := client.Get(t.Context(), "deleted", metav1.GetOptions{})
		return err == nil && *l.Spec.HolderIdentity == "a"
	})
	if ctx.Err() != nil {
		t.Error("its context ended")
	}
}

// A leader whose lock another has taken goes on until its RenewDeadline.
func TestALeaderGoesOnAfterAnotherHasTheLock(t *testing.T) {
	s := serve(t)
	client := s.client(t).CoordinationV1().Leases("default")
	first := stand(t, lockOf(s.client(t), "taken", "a"), func(c *leaderelection.LeaderElectionConfig) { c.RetryPeriod = 2 * time.Second })
	ctx := first.lead(t)
	second := stand(t, lockOf(s.client(t), "taken", "b"), func(c *leaderelection.LeaderElectionConfig) { c.RetryPeriod = 20 * time.Millisecond })
	leads := false
	await(t, "the second leads", func() bool { // unless the first makes a deleted lock anew before it
		err := client.Delete(t.Context(), "taken", metav1.DeleteOptions{})
		select {
		case <-second.leads:
			leads = true
		case <-time.After(100 * time.Millisecond):
		}
		return leads && err == nil
	})
	since := time.Now()
	if ctx.Err() != nil {
		t.Error("the first had ended before")
	}
	<-ctx.Done()
	t.Logf("with a RenewDeadline of %v both lead for %v", deadline, time.Since(since).Round(time.Millisecond))
}

const childVariable = "CLIENTGO_CHILD"

// child is a leader in a process of its own. It prints the time of each step of its work.
func child() {
	host, name, _ := strings.Cut(os.Getenv(childVariable), " ")
	client, err := kubernetes.NewForConfig(&rest.Config{Host: host, BearerToken: bearer, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	if err != nil {
		log.Fatal(err)
	}
	var work sync.WaitGroup
	work.Add(1)
	leaderelection.RunOrDie(context.Background(), leaderelection.LeaderElectionConfig{
		Lock: lockOf(client, name, "child"), LeaseDuration: duration, RenewDeadline: deadline, RetryPeriod: retry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				defer work.Done()
				for ctx.Err() == nil {
					fmt.Println(time.Now().UnixMicro())
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	work.Wait()
}

// A leader that was paused until another leads learns of it by a timer, which is overdue by then. The log
// has the number of steps that it made before the timer was served; it may be zero.
func TestAPausedLeaderEnds(t *testing.T) {
	s := serve(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+s.config.Host+" paused")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var leads, steps, after atomic.Int64
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var at int64
			fmt.Sscan(lines.Text(), &at)
			if steps.Add(1); leads.Load() != 0 && at > leads.Load() {
				after.Add(1)
			}
		}
	}()
	await(t, "the child works", func() bool { return steps.Load() > 0 })
	cmd.Process.Signal(syscall.SIGSTOP)
	second := stand(t, lockOf(s.client(t), "paused", "b"))
	ctx := second.lead(t)
	leads.Store(time.Now().UnixMicro())
	time.Sleep(100 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGCONT)
	<-read
	if ctx.Err() != nil {
		t.Fatal("the second lost the lock")
	}
	t.Logf("the first made %d steps, of them %d after the second led", steps.Load(), after.Load())
}
