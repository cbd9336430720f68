package candidate

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

const usage = `usage: leader [flags]

Candidates that elect a leader. A leader resigns after its term and stands again, behind the others.

`

// Command returns the program on the stores that its flag -store can name.
func Command(stores program.Stores) program.Command {
	return program.OnStore("leader", usage, stores, func(flags *flag.FlagSet) program.Body {
		key := flags.String("key", "example:leader", "`key` that the leader holds")
		candidates := flags.Int("candidates", 3, "candidates in this process")
		term := flags.Duration("term", 2*time.Second, "a leader resigns after this time")
		ttl := flags.Duration("ttl", lease.DefaultTTL, "within this time another leads after a death")
		return func(ctx context.Context, st store.Store, std program.Streams) (err error) {
			k, err := lease.NewKeeper(st, lease.Config{TTL: *ttl, Heartbeat: *ttl / 3})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, k.Close(ctx)) }()

			return program.Members(*candidates, "candidate", func(name string) error {
				lead := func(ctx context.Context, token store.Token) error {
					fmt.Fprintf(std.Out, "%s leads with token %d\n", name, token)
					program.Pause(ctx, *term)
					fmt.Fprintf(std.Out, "%s no longer leads\n", name)
					return ctx.Err()
				}
				for ctx.Err() == nil {
					if err := Stand(ctx, k, *key, name, lead); err != nil {
						return err
					}
				}
				return nil
			})
		}
	})
}
