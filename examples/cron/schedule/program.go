package schedule

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const usage = `usage: cron [flags]

Members of a fleet that runs a job once at each tick. The program ends when all of them have left.

`

// Command returns the program on the stores that its flag -store can name.
func Command(stores program.Stores) program.Command {
	return program.OnStore("cron", usage, stores, func(flags *flag.FlagSet) program.Body {
		key := flags.String("key", "example:cron", "`key` of the job")
		every := flags.Duration("every", 2*time.Second, "from tick to tick")
		takes := flags.Duration("takes", 500*time.Millisecond, "the time of a job")
		again := flags.Bool("at-least-once", false, "run a tick again that its holder has not finished; otherwise each is begun at most once")
		members := flags.Int("members", 3, "members in this process")
		ticks := flags.Int("ticks", 2, "a member leaves after so many ticks; 0 is no limit")
		ttl := flags.Duration("ttl", lease.DefaultTTL, "within this time another member goes on after a death")
		return func(ctx context.Context, st store.Store, std program.Streams) error {
			if *every <= 0 {
				return program.UsageErrorf("-every %v: must be positive", *every)
			}
			return program.Members(*members, "member", func(name string) (err error) {
				ctx, leave := context.WithCancel(ctx)
				defer leave()
				keeper, err := lease.NewKeeper(st, lease.Config{TTL: *ttl, Heartbeat: *ttl / 3})
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, keeper.Close(ctx)) }()
				done := 0
				job := func(ctx context.Context, tick time.Time, token store.Token) error {
					note := func(does string) {
						fmt.Fprintf(std.Out, "%s %s tick %s token %d\n", name, does, tick.Format(time.RFC3339Nano), token)
					}
					note("begins")
					if program.Pause(ctx, *takes); ctx.Err() != nil {
						note("loses")
						return context.Cause(ctx)
					}
					note("finishes")
					if done++; done == *ticks {
						leave()
					}
					return nil
				}
				s := Schedule{Key: *key, Every: *every, AtLeastOnce: *again, Keeper: keeper, Job: job}
				return s.Run(ctx)
			})
		}
	})
}
