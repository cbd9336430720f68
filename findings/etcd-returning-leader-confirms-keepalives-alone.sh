#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26: three members on loopback.
#
# Guess: a leader that was stopped for longer than an election confirms no keep-alive when it goes on: the server's
#        comment says that a member that is no longer the leader refuses it, so that the client can go to another.
# Seen:  in most rounds it confirms one with the full time to live, in the term of before, and the leader of the next
#        term, by whose clock the lease ends, has seconds less. The member asks for proof that it leads only if its
#        own clock has not ticked for three ticks, and a process that goes on ticks first. A holder that counts from
#        that keep-alive believes in its key for longer than the key stands; the term in the answer tells.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

const ttl = 10

// member serves with the ports of all members, until its process ends.
func member(i int, ports []string) {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.LogLevel, cfg.LogOutputs = fmt.Sprint("m", i), fmt.Sprint("data", i), "error", []string{"/dev/null"}
	cfg.TickMs, cfg.ElectionMs = 100, 1000
	address := func(port string) url.URL { return url.URL{Scheme: "http", Host: "127.0.0.1:" + port} }
	cfg.ListenClientUrls, cfg.ListenPeerUrls = []url.URL{address(ports[i])}, []url.URL{address(ports[3+i])}
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = cfg.ListenClientUrls, cfg.ListenPeerUrls
	var all []string
	for j := range 3 {
		all = append(all, fmt.Sprintf("m%d=http://127.0.0.1:%s", j, ports[3+j]))
	}
	cfg.InitialCluster = strings.Join(all, ",")
	must(embed.StartEtcd(cfg))
	os.Stdin.Read(make([]byte, 1)) // ends with the parent
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func client(endpoints ...string) *clientv3.Client {
	return must(clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 10 * time.Second}))
}

// leader returns the place of a member that says that it leads.
func leader(ctx context.Context, endpoints []string) int {
	for ctx.Err() == nil {
		for i, e := range endpoints {
			c := client(e)
			status, err := c.Status(ctx, e)
			c.Close()
			if err == nil && status.Leader == status.Header.MemberId {
				return i
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic(ctx.Err())
}

func main() {
	if len(os.Args) > 1 {
		member(must(strconv.Atoi(os.Args[1])), os.Args[2:])
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var ports, endpoints []string
	for i := range 6 {
		l := must(net.Listen("tcp", "127.0.0.1:0"))
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
		if l.Close(); i < 3 {
			endpoints = append(endpoints, "http://127.0.0.1:"+ports[i])
		}
	}
	var members [3]*exec.Cmd
	for i := range members {
		members[i] = exec.CommandContext(ctx, os.Args[0], append([]string{strconv.Itoa(i)}, ports...)...)
		must(members[i].StdinPipe())
		if err := members[i].Start(); err != nil {
			panic(err)
		}
		defer members[i].Wait()
		defer members[i].Process.Kill()
	}
	all := client(endpoints...)
	for round := range 20 {
		old := leader(ctx, endpoints)
		one := client(endpoints[old])
		others := client(endpoints[(old+1)%3], endpoints[(old+2)%3])
		lease := must(all.Grant(ctx, ttl)).ID
		stream := must(pb.NewLeaseClient(one.ActiveConnection()).LeaseKeepAlive(ctx))
		keep := &pb.LeaseKeepAliveRequest{ID: int64(lease)}
		stream.Send(keep)
		before := must(stream.Recv()).Header.RaftTerm
		members[old].Process.Signal(syscall.SIGSTOP)
		time.Sleep(7 * time.Second)
		stream.Send(keep)
		time.Sleep(50 * time.Millisecond)
		members[old].Process.Signal(syscall.SIGCONT)
		answer, err := stream.Recv()
		left, err2 := others.TimeToLive(ctx, lease)
		one.Close()
		others.Close()
		if err != nil || err2 != nil || answer.Header.RaftTerm >= left.RaftTerm || answer.TTL < ttl || left.TTL > ttl-2 {
			fmt.Fprintln(os.Stderr, "round", round, "is no proof:", answer, err, left, err2)
			continue
		}
		fmt.Println("confirmed in the term of before:", answer.Header.RaftTerm == before, "for", answer.TTL, "s")
		fmt.Println("the leader of a later term has at least 2 s less, and has the lease:", left.TTL > 0)
		return
	}
	fmt.Println("not confirmed in 20 rounds")
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 240 ./finding 2>rounds | tee seen
diff seen - <<'END'
confirmed in the term of before: true for 10 s
the leader of a later term has at least 2 s less, and has the lease: true
END
echo "as found: etcd v3.7.3"
