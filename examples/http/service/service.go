// Package service is an HTTP service that one instance at a time gives: the holder of a key. It listens
// while it holds the key. When it is told to end it is no longer ready, serves until load balancers
// have noticed, finishes the requests at hand, and then releases the key. When it loses the key it
// cuts its requests off at once.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
	"github.com/leasehold-go/leasehold/store"
)

// State is a state of the holder.
type State string

const (
	Starting State = "starting"
	Active   State = "active"
	Draining State = "draining" // told to end, with requests at hand
)

var lifecycle = fsm.MustDefine(Starting, fsm.Table[State]{
	Starting: {Active, Draining},
	Active:   {Draining},
	Draining: {},
})

type (
	config   = registry.Config[State, struct{}]
	instance = registry.Instance[State, struct{}]
)

// NewHealth returns the health of a Service, which is ready in the state active.
func NewHealth() *registry.Health[State] { return &registry.Health[State]{ReadyIn: []State{Active}} }

// Probes returns a handler of /livez, /readyz and /statusz. It belongs on an address of its own, which
// is there before the service and after it.
func Probes(health *registry.Health[State]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/livez", probe.Live(health))
	mux.Handle("/readyz", probe.Ready(health))
	mux.Handle("/statusz", probe.Status(health))
	return mux
}

// Service is a service under a key.
type Service struct {
	Key    string
	Keeper *lease.Keeper
	Health *registry.Health[State] // of this service alone

	// Listen is called each time that the key has been claimed.
	Listen func() (net.Listener, error)
	// Handler serves while the token is that of the holder. It is larger than that of every holder before:
	// give it to whatever the handler writes to. The contexts of requests end when the key is lost.
	Handler func(store.Token) http.Handler

	Lag   time.Duration // until load balancers have noticed that the service is not ready
	Drain time.Duration // for the requests that are at hand after that
}

// Run serves whenever the key is held, until ctx has ended or the service cannot listen. It returns an
// error if it had to cut requests off at the end.
func (s *Service) Run(ctx context.Context) error {
	cfg := config{Key: s.Key, Wait: true, Health: s.Health, LeavePath: []State{Draining}}
	return registry.Supervise(ctx, s.Keeper, lifecycle, cfg, s.serve)
}

func (s *Service) serve(ctx context.Context, i *instance) error {
	held, cancel := i.Lease().Context(context.WithoutCancel(ctx)) // ends with the lease alone
	defer cancel()
	listener, err := s.Listen()
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           s.Handler(i.Lease().Token()),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return held },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Close()
		<-served
	}()

	if err := i.Transition(ctx, Active); err != nil {
		return err
	}
	select {
	case err := <-served:
		served <- nil
		return fmt.Errorf("the service no longer listens: %w", err)
	case <-ctx.Done():
	}
	if held.Err() != nil {
		return held.Err() // the key is lost
	}
	lag, stop := context.WithTimeout(held, s.Lag)
	defer stop()
	_ = i.Transition(lag, Draining) // for operators; if the store is down, the leave path has it once more
	<-lag.Done()
	drain, stop := context.WithTimeout(held, s.Drain)
	defer stop()
	switch err := server.Shutdown(drain); {
	case held.Err() != nil:
		return held.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("requests were cut off: they took longer than %v", s.Drain)
	default:
		return err
	}
}
