// Command worker is the whole program of README.md: one process of a fleet works, the others wait.
// It needs a Redis server: REDIS_URL has its URL. Package service beside it is the longer program,
// with health, flags and exit codes.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

type State string

const (
	Idle   State = "idle"
	Active State = "active"
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:   {Active},
	Active: {Idle},
})

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err) // exit code 1: a supervisor may start it again
	}
}

func run(ctx context.Context) error {
	options, err := redis.ParseURL(cmp.Or(os.Getenv("REDIS_URL"), "redis://localhost:6379"))
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close() // last, after the store that uses it
	st, err := redisstore.New(ctx, client)
	if err != nil {
		return err // says what to change on the server or in the options
	}
	defer st.Close()
	keeper, err := lease.NewKeeper(st, lease.Config{TTL: 45 * time.Second, Heartbeat: 15 * time.Second})
	if err != nil {
		return err
	}
	defer keeper.Close(ctx) // first: it ends what is still held

	cfg := registry.Config[State, struct{}]{Key: "worker", Wait: true, LeavePath: []State{Idle}}
	return registry.Supervise(ctx, keeper, lifecycle, cfg, serve) // again after a loss, until ctx ends
}

// serve runs while this process holds the key. Its context ends when the program is told to end, or
// the lease can no longer be trusted: it then stops its work and returns nil or the context's error.
func serve(ctx context.Context, inst *registry.Instance[State, struct{}]) error {
	if err := inst.Transition(ctx, Active); err != nil {
		return err
	}
	for {
		fmt.Println("working under token", inst.Lease().Token()) // give it to what you write to
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
