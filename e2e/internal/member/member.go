// Package member is one member of an etcd cluster as a program: it serves until it
// is told to end. It keeps its data in a directory, and is in a hurry: it confirms
// writes before they are on the disk, so a member that is killed keeps its data and a
// machine that loses its power does not. It keeps to one processor: it mostly waits, and
// with more it spends almost as much again on looking for work for the others. And it sets
// little of the disk aside: two files of 64 MB for each member fill a small disk.
package member

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// Main runs the program with its arguments, until SIGTERM or SIGINT. On SIGUSR1 it is cut off from the other
// members until SIGUSR2: messages are dropped, as by a network, and not kept as for a process that stands
// still. It says the name of the signal once it is done.
func Main(args []string) error {
	runtime.GOMAXPROCS(1)
	wal.SegmentSizeBytes = 4 << 20
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cfg, serving, err := parse(args)
	if err != nil {
		return err
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	fmt.Println(serving) // it may still have to find the other members
	for {
		select {
		case sig := <-signals:
			change := e.Server.CutPeer
			if sig == syscall.SIGUSR2 {
				change = e.Server.MendPeer
			}
			for _, other := range e.Server.Cluster().Members() {
				change(other.ID)
			}
			fmt.Println(sig)
		case <-ctx.Done():
			return nil
		case err := <-e.Err():
			return err
		case <-e.Server.StopNotify():
			return errors.New("removed from its cluster")
		}
	}
}

func parse(args []string) (cfg *embed.Config, serving string, err error) {
	cfg = embed.NewConfig()
	cfg.LogLevel, cfg.LogOutputs = "warn", []string{"stderr"}
	cfg.UnsafeNoFsync = true
	cfg.BcryptCost = 4              // the least: a password is checked for each client of a test
	cfg.StrictReconfigCheck = false // or a member can join only once the others have been up for seconds
	var client, peer string
	flags := flag.NewFlagSet("etcdmember", flag.ContinueOnError)
	flags.StringVar(&cfg.Name, "name", "", "name of the member")
	flags.StringVar(&cfg.Dir, "dir", "", "directory of its data")
	flags.StringVar(&serving, "serving", "serving", "what to say once it listens")
	flags.StringVar(&client, "client", "", "URL to listen on for clients")
	flags.StringVar(&peer, "peer", "", "URL to listen on for other members")
	flags.StringVar(&cfg.InitialCluster, "cluster", "", "all members: NAME=PEER-URL,...")
	flags.StringVar(&cfg.ClusterState, "state", embed.ClusterStateFlagNew, "new, or existing for a member that joins")
	flags.UintVar(&cfg.TickMs, "heartbeat", cfg.TickMs, "time between heartbeats, in milliseconds")
	flags.UintVar(&cfg.ElectionMs, "election", cfg.ElectionMs, "time to a new election, in milliseconds")
	flags.UintVar(&cfg.MaxTxnOps, "operations", cfg.MaxTxnOps, "how many operations it takes in one transaction")
	flags.UintVar(&cfg.MaxRequestBytes, "request-bytes", cfg.MaxRequestBytes, "size of the largest request")
	streams := flags.Uint("streams", 0, "requests and watches at once on a connection; no limit if zero")
	flags.Uint64Var(&cfg.SnapshotCatchUpEntries, "catch-up", 0, "entries of the log for members that are behind; 5,000 if zero")
	flags.UintVar(&cfg.AuthTokenTTL, "token-ttl", cfg.AuthTokenTTL, "life of an unused authentication token, in seconds")
	flags.StringVar(&cfg.ClientTLSInfo.CertFile, "certificate", "", "file of the certificate to serve clients with")
	flags.StringVar(&cfg.ClientTLSInfo.KeyFile, "key", "", "file of the certificate's private key")
	flags.Int64Var(&cfg.QuotaBackendBytes, "quota", 0, "size of the database at which it takes no more, in bytes; 2 GiB if zero")
	if err := flags.Parse(args); err != nil {
		return nil, "", err
	}
	if *streams > 0 {
		cfg.MaxConcurrentStreams = uint32(*streams)
	}
	clientURL, err1 := url.Parse(client)
	peerURL, err2 := url.Parse(peer)
	if err := errors.Join(err1, err2); err != nil {
		return nil, "", err
	}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*clientURL}, []url.URL{*clientURL}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peerURL}, []url.URL{*peerURL}
	return cfg, serving, nil
}
