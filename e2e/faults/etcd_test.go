package faults_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/store"
)

// onEtcd is raw on etcd, as someone would port the protocol who takes a put for a SET:
//
//	SET EX       grant, put with that lease
//	SET          put without a lease
//	SET NX, XX   the same in a transaction on whether there is something
//	SET KEEPTTL  put that keeps the lease. etcd refuses it where the key is not there,
//	             which Redis does not: so fault 3 is not etcd's own. Its nearest harm is
//	             what such a program does then, or does from the start because it is one
//	             argument less: it puts the value without a lease, and the ghost is there
//	EXPIRE       put of the same value with another lease
//	PERSIST      put of the same value without a lease
type onEtcd struct {
	t      *testing.T
	client *clientv3.Client
}

func besideEtcd(t *testing.T, servers *backends.Place) raw {
	endpoints := strings.Split(strings.TrimPrefix(servers.URL, "etcd://"), ",")
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return onEtcd{t, client}
}

func (p onEtcd) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// lease has a lease granted; none for a ttl of zero.
func (p onEtcd) lease(ttl time.Duration) clientv3.OpOption {
	p.t.Helper()
	if ttl == 0 {
		return clientv3.WithLease(clientv3.NoLease)
	}
	lease, err := p.client.Grant(context.Background(), int64((ttl+time.Second-1)/time.Second))
	p.must(err)
	return clientv3.WithLease(lease.ID)
}

// putIf puts if a comparison with the key's create revision holds.
func (p onEtcd) putIf(key, comparison string, put clientv3.Op) bool {
	p.t.Helper()
	answer, err := p.client.Txn(context.Background()).
		If(clientv3.Compare(clientv3.CreateRevision(key), comparison, 0)).Then(put).Commit()
	p.must(err)
	return answer.Succeeded
}

func (p onEtcd) Set(key, value string, ttl time.Duration) {
	p.t.Helper()
	_, err := p.client.Put(context.Background(), key, value, p.lease(ttl))
	p.must(err)
}

func (p onEtcd) SetNX(key, value string, ttl time.Duration) bool {
	p.t.Helper()
	return p.putIf(key, "=", clientv3.OpPut(key, value, p.lease(ttl)))
}

func (p onEtcd) SetXX(key, value string, ttl time.Duration) bool {
	p.t.Helper()
	return p.putIf(key, ">", clientv3.OpPut(key, value, p.lease(ttl)))
}

func (p onEtcd) SetKeepTTL(key, value string) {
	p.t.Helper()
	_, err := p.client.Put(context.Background(), key, value, clientv3.WithIgnoreLease())
	if errors.Is(err, rpctypes.ErrKeyNotFound) {
		p.Set(key, value, 0)
		return
	}
	p.must(err)
}

func (p onEtcd) Expire(key string, ttl time.Duration) {
	p.t.Helper()
	p.putIf(key, ">", clientv3.OpPut(key, "", p.lease(ttl), clientv3.WithIgnoreValue()))
}

func (p onEtcd) Del(key string) {
	p.t.Helper()
	_, err := p.client.Delete(context.Background(), key)
	p.must(err)
}

func (p onEtcd) Get(key string) (string, time.Duration, bool) {
	p.t.Helper()
	answer, err := p.client.Get(context.Background(), key)
	p.must(err)
	if answer.Count == 0 {
		return "", 0, false
	}
	value, id := string(answer.Kvs[0].Value), clientv3.LeaseID(answer.Kvs[0].Lease)
	if id == clientv3.NoLease {
		return value, store.Forever, true
	}
	lease, err := p.client.TimeToLive(context.Background(), id)
	p.must(err)
	return value, max(time.Second, time.Duration(lease.TTL)*time.Second), true // it is cut off
}

// Expiry tells of the lease, and of each write: there is no other way to move it.
func (p onEtcd) Expiry(key string) string {
	p.t.Helper()
	answer, err := p.client.Get(context.Background(), key)
	p.must(err)
	if answer.Count == 0 {
		return ""
	}
	return fmt.Sprintf("lease %x of revision %d", answer.Kvs[0].Lease, answer.Kvs[0].ModRevision)
}
