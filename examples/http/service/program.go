package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const usage = `usage: http [flags]

An HTTP service that one instance at a time gives. GET / shows its token, and PUT / takes a body for as
long as it is sent. The probes are at /livez, /readyz and /statusz of an address of their own.

`

// Command returns the program on the stores that its flag -store can name.
func Command(stores program.Stores) program.Command {
	return program.OnStore("http", usage, stores, func(flags *flag.FlagSet) program.Body {
		key := flags.String("key", "example:http", "`key` of the service")
		address := flags.String("listen", "127.0.0.1:8080", "`address` of the service")
		probes := flags.String("probes", "127.0.0.1:8081", "`address` of the probes")
		lag := flags.Duration("lag", 2*time.Second, "how long it serves when it is told to end and is no longer ready")
		drain := flags.Duration("drain", 30*time.Second, "how long requests may take after that")
		ttl := flags.Duration("ttl", lease.DefaultTTL, "within this time another instance serves after a death")
		return func(ctx context.Context, st store.Store, std program.Streams) (err error) {
			s := &Service{Key: *key, Health: NewHealth(), Handler: handler, Lag: *lag, Drain: *drain}
			s.Listen = func() (net.Listener, error) {
				l, err := net.Listen("tcp", *address)
				if err == nil {
					fmt.Fprintf(std.Out, "serving at http://%v\n", l.Addr())
				}
				return l, err
			}

			l, err := net.Listen("tcp", *probes)
			if err != nil {
				return err
			}
			fmt.Fprintf(std.Out, "probes at http://%v\n", l.Addr())
			server := &http.Server{Handler: Probes(s.Health), ReadHeaderTimeout: 5 * time.Second}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			defer func() { // the probes end last
				err = errors.Join(err, server.Close())
				if failed := <-served; failed != http.ErrServerClosed {
					err = errors.Join(err, failed)
				}
			}()
			s.Keeper, err = lease.NewKeeper(st, lease.Config{TTL: *ttl, Heartbeat: *ttl / 3})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Keeper.Close(ctx)) }()
			return s.Run(ctx)
		}
	})
}

// handler is the service.
func handler(token store.Token) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "token %d\n", token) })
	mux.HandleFunc("PUT /", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%d bytes\n", n)
	})
	return mux
}
