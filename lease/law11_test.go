package lease_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// Law 11: what one slow, hung, huge or panicking participant costs is borne by its leases.
func TestTroubleOfOneLeaseCostsNoOther(t *testing.T) {
	troubles := []string{
		"server hangs", "encode hangs", "encode is slow", "encode panics", "huge value", "commit hangs", "commit panics",
		"write hangs", "OnRenew hangs", "OnRenew panics", "OnLoss hangs", "contexts", "waiter hangs",
	}
	rapid.Check(t, func(t *rapid.T) {
		trouble := rapid.SampledFrom(troubles).Draw(t, "trouble")
		cfg := lease.Config{TTL: time.Duration(rapid.IntRange(1, 60).Draw(t, "ttl")) * time.Second}
		cfg.Heartbeat = cfg.TTL / time.Duration(rapid.IntRange(2, 6).Draw(t, "heartbeats in a ttl"))
		leases := rapid.IntRange(1, 400).Draw(t, "leases")
		troubled := rapid.IntRange(1, 20).Draw(t, "troubled")
		pause := time.Duration(rapid.Int64Range(0, int64(cfg.TTL)).Draw(t, "time of the trouble"))
		values := rapid.Bool().Draw(t, "others with values")
		rapid.SyncTest(t, func(t *rapid.T) {
			resume := make(chan struct{})
			begun := time.Now().Add(pause)
			hang := func(is string) {
				if trouble == is && time.Now().After(begun) {
					<-resume
				}
			}
			raise := func(is string) {
				if trouble == is && time.Now().After(begun) {
					panic(is)
				}
			}
			st := hangingKeys{memstore.New(), func(key string) bool {
				return trouble == "server hangs" && strings.HasPrefix(key, "bad") && time.Now().After(begun)
			}}
			cfg.OnRenew = func(lease.RenewAttempt) { hang("OnRenew hangs"); raise("OnRenew panics") }
			cfg.OnLoss = func(*lease.LostError) { hang("OnLoss hangs") }
			k, err := lease.NewKeeper(st, cfg)
			if err != nil {
				t.Fatal(err)
			}
			bad := lease.WithHeartbeatValue(func(time.Time) ([]byte, error) {
				hang("encode hangs")
				raise("encode panics")
				switch trouble {
				case "encode is slow":
					time.Sleep(cfg.Heartbeat / 2)
				case "huge value":
					return bytes.Repeat([]byte("v"), 1<<19), nil
				}
				return []byte("v"), nil
			}, func() { hang("commit hangs"); raise("commit panics") })
			good := lease.WithHeartbeatValue(func(time.Time) ([]byte, error) {
				if values {
					return []byte("v"), nil
				}
				return nil, nil
			}, nil)
			var others []lease.Lease
			for i := range max(leases, troubled) {
				if i < troubled {
					held := acquire(t, k, fmt.Sprint("bad", i), bad)
					switch trouble {
					case "write hangs":
						go held.Write(context.Background(), func() ([]byte, error) { <-resume; return nil, context.Canceled }, nil)
					case "contexts":
						for range 100 {
							_, _ = held.Context(t.Context())
						}
					case "waiter hangs":
						calls := 0
						go k.Acquire(t.Context(), held.Key(), nil, lease.WithWait(), lease.WithValueFunc(func() ([]byte, error) {
							if calls++; calls > 1 {
								<-resume
							}
							return []byte("v"), nil
						}))
					case "OnLoss hangs":
						time.AfterFunc(pause, func() { _ = st.Delete(t.Context(), held.Key(), refOf(held)) })
					}
				}
				if i < leases {
					others = append(others, acquire(t, k, fmt.Sprint("good", i), good))
				}
			}
			time.Sleep(pause + 4*cfg.TTL)
			for _, held := range others {
				if err := held.Err(); err != nil {
					t.Fatalf("%s: %v", trouble, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), cfg.Heartbeat)
				if err := held.Update(ctx, []byte("next")); err != nil {
					t.Fatalf("%s: a write of %q: %v", trouble, held.Key(), err)
				}
				cancel()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			_ = k.Close(ctx)
			if took := time.Since(start); took > 2*time.Second {
				t.Fatalf("%s: Close took %v", trouble, took)
			}
			for r := range st.List(t.Context(), "good") {
				t.Fatalf("%s: left %q", trouble, r.Key)
			}
			close(resume)
			time.Sleep(cfg.TTL) // for slow callbacks to return
		})
	})
}
