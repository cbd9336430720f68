package member

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const usage = `usage: shards [flags]

Members of a fleet that shares shards. They join one after the other; if there are several, the first
leaves after that.

`

// Command returns the program on the stores that its flag -store can name.
func Command(stores program.Stores) program.Command {
	return program.OnStore("shards", usage, stores, func(flags *flag.FlagSet) program.Body {
		group := flags.String("group", "example", "the `beginning` of all keys of the fleet")
		shards := flags.Int("shards", 64, "shards of the fleet")
		members := flags.Int("members", 3, "members in this process")
		pause := flags.Duration("pause", 2*time.Second, "between two changes of the members")
		step := flags.Duration("step", time.Second, "the time of a piece of work")
		verbose := flags.Bool("v", false, "write a line for each piece of work")
		ttl := flags.Duration("ttl", lease.DefaultTTL, "within this time others run the shards of a dead member")
		return func(ctx context.Context, st store.Store, std program.Streams) error {
			say := func(format string, args ...any) { fmt.Fprintf(std.Out, format+"\n", args...) }
			work := func(ctx context.Context, name string, shard int, token store.Token) {
				note := func(does string) {
					if *verbose {
						say("%s %s shard %d token %d", name, does, shard, token)
					}
				}
				note("begins")
				for time.Sleep(*step); ctx.Err() == nil; time.Sleep(*step) { // a piece of work is finished
					note("runs")
				}
				if lost := new(lease.LostError); errors.As(context.Cause(ctx), &lost) {
					note("loses")
				} else {
					note("ends")
				}
			}
			join := func(ctx context.Context, name string) (err error) {
				keeper, err := lease.NewKeeper(st, lease.Config{TTL: *ttl, Heartbeat: *ttl / 3})
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, keeper.Close(ctx)) }()
				m := Member{
					Group: *group, Name: name, Shards: *shards, Keeper: keeper,
					Work: func(ctx context.Context, shard int, token store.Token) error {
						work(ctx, name, shard, token)
						return ctx.Err()
					},
					Assigned: func(own, members int) {
						say("%s has %d of %d shards, of %d members", name, own, *shards, members)
					},
				}
				return m.Run(ctx)
			}

			ctx, stop := context.WithCancel(ctx)
			defer stop()
			first, leave := context.WithCancel(ctx)
			defer leave()
			failed := make([]error, *members)
			var all sync.WaitGroup
			for i := range failed {
				ctx := ctx
				if i == 0 {
					ctx = first
				}
				all.Go(func() {
					if failed[i] = join(ctx, fmt.Sprintf("member-%d.%d", os.Getpid(), i+1)); failed[i] != nil {
						stop()
					}
				})
				if *members > 1 {
					program.Pause(ctx, *pause)
				}
			}
			if *members > 1 {
				leave()
			}
			all.Wait()
			return errors.Join(failed...)
		}
	})
}
