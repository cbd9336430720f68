// Command devservers starts servers to try the examples on: a Redis server and an etcd of
// one member, on free ports of the loopback interface. It prints their URLs on standard
// output, one a line, as the example's -store takes them. An interrupt stops both and
// removes their data.
//
// It needs redis-server; the etcd is part of it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/member"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// asMember is the argument that makes the program the etcd that it starts.
const asMember = "etcdmember"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "devservers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == asMember {
		return member.Main(args[1:])
	}
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: it takes none", args[0])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "devservers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return serve(ctx, dir, os.Stdout)
}

// serve runs both servers until the context ends.
func serve(ctx context.Context, dir string, stdout io.Writer) error {
	redis, err := redistest.Run(filepath.Join(dir, "redis"))
	if err != nil {
		return err
	}
	defer redis.Stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	etcd, err := etcdtest.Run(filepath.Join(dir, "etcd"), []string{self, asMember}, etcdtest.Settings{})
	if err != nil {
		return err
	}
	defer etcd.Stop()
	fmt.Fprintf(stdout, "%s\n%s\n", redis.URL(), etcd.URL())
	fmt.Fprintln(os.Stderr, "devservers: both run until an interrupt")
	<-ctx.Done()
	return nil
}
