package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// send sends commands and returns once each has its reply or its error, or with
// an error of its own as soon as the context has ended. The commands must not be
// looked at in that case: they are still under way.
func (s *Store) send(ctx context.Context, cmds ...*command) error {
	return s.sendFor(ctx, replicas{}, cmds...)
}

// sendFor is send for writes that count only once replicas have acknowledged
// them.
func (s *Store) sendFor(ctx context.Context, acks replicas, cmds ...*command) error {
	if len(cmds) == 0 {
		return nil
	}
	return s.tasks.do(ctx, func() {
		s.exchange(ctx, acks, cmds)
		unknown := only(cmds, func(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") })
		if len(unknown) == 0 || ctx.Err() != nil {
			return
		}
		for _, c := range unknown {
			c.spell(ctx)
		}
		s.exchange(ctx, acks, unknown)
	})
}

// exchange sends each command once. A pipeline goes to each master by itself:
// go-redis's own for a Cluster leaves errors of an earlier attempt on commands
// whose last attempt was lost, and those errors say that nothing happened.
func (s *Store) exchange(ctx context.Context, acks replicas, cmds []*command) {
	if len(cmds) == 1 && acks.count == 0 {
		s.client.Process(ctx, cmds[0]) // the error is also the command's
	} else {
		var pipelines sync.WaitGroup
		for master, cmds := range s.byMaster(ctx, cmds) {
			pipelines.Go(func() { pipeline(ctx, master, acks, cmds) })
		}
		pipelines.Wait()
		s.follow(ctx, acks, cmds)
	}
	if len(only(cmds, isNoReply)) > 0 {
		s.relearn(ctx)
	}
}

// byMaster groups commands by the server that has their keys.
func (s *Store) byMaster(ctx context.Context, cmds []*command) map[*redis.Client][]*command {
	if s.cluster == nil {
		return map[*redis.Client][]*command{s.single: cmds}
	}
	groups := make(map[*redis.Client][]*command)
	for _, c := range cmds {
		master, err := s.cluster.MasterForKey(ctx, c.key())
		if err != nil {
			c.SetErr(&unsentError{err})
			continue
		}
		groups[master] = append(groups[master], c)
	}
	return groups
}

// follow sends commands whose slot has moved once more, each by itself, where
// go-redis goes after it. With replicas to wait for, a command stays refused: the
// wait must be on the connection that carried it.
func (s *Store) follow(ctx context.Context, acks replicas, cmds []*command) {
	moved := only(cmds, isRedirect)
	if len(moved) > 0 {
		s.relearn(ctx)
	}
	if acks.count > 0 {
		return
	}
	for _, c := range moved {
		s.client.Process(ctx, c) // the error is also the command's
	}
}

// relearn has a Cluster's client ask anew who has which slots, in the background. By
// itself it does so only once a minute and when a server refers it to another, which
// one that has died does not.
func (s *Store) relearn(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}

// pipeline sends commands on one connection, with a WAIT behind them if replicas
// are to acknowledge them.
func pipeline(ctx context.Context, master *redis.Client, acks replicas, cmds []*command) {
	pipe := master.Pipeline()
	for _, c := range cmds {
		pipe.Process(ctx, c) // only queues
	}
	if acks.count == 0 {
		pipe.Exec(ctx) // the errors are the commands'
		return
	}
	wait := pipe.Do(ctx, "wait", acks.count, acks.timeout.Milliseconds())
	pipe.Exec(ctx)
	acks.settle(wait, cmds)
}

func only(cmds []*command, which func(error) bool) []*command {
	var some []*command
	for _, c := range cmds {
		if err := c.Err(); err != nil && which(err) {
			some = append(some, c)
		}
	}
	return some
}

func isRedirect(err error) bool {
	_, moved := redis.IsMovedError(err)
	_, ask := redis.IsAskError(err)
	return moved || ask
}

// isNoReply reports whether err is not a server's word.
func isNoReply(err error) bool {
	var reply redis.Error
	return !errors.As(err, &reply)
}

// replicas is how many replicas have to acknowledge a write, and how long to
// wait for them.
type replicas struct {
	count   int
	timeout time.Duration
}

// settle puts an error on the commands that succeeded if too few replicas have
// acknowledged them.
func (r replicas) settle(wait *redis.Cmd, cmds []*command) {
	got, err := wait.Int()
	if err == nil && got >= r.count {
		return
	}
	for _, c := range cmds {
		if _, ok := c.Val().(int64); ok && c.Err() == nil {
			c.SetErr(&replicasError{got: got, want: r.count, err: err})
		}
	}
}
