package registry_test

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
)

var publicIP = netip.MustParseAddr("203.0.113.9")

// addressAfter sets a PublicIP that returns publicIP after d.
func addressAfter(d time.Duration) func(*config) {
	return func(c *config) {
		c.PublicIP = func(ctx context.Context) (netip.Addr, error) {
			select {
			case <-ctx.Done():
				return netip.Addr{}, ctx.Err()
			case <-time.After(d):
				return publicIP, nil
			}
		}
	}
}

func TestIdentityHasDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		names := make(map[string]bool)
		for range 3 {
			inst := register(t, k, func(c *config) { c.Host = "" })
			host, _ := os.Hostname()
			s := inst.Status()
			if s.Host != host || s.Process.ID != os.Getpid() || len(s.Instance) != 12 || names[s.Instance] {
				t.Errorf("%+v, want host %s, this process and a fresh name", s.Identity, host)
			}
			names[s.Instance] = true
			if err := inst.Deregister(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestIdentityIsPublishedAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		register(t, newKeeper(t, st), func(c *config) { c.Host, c.Instance = "shown", "connector" })
		if e := published(t, st); e.Host != "shown" || e.Instance != "connector" || !e.Published {
			t.Errorf("published %+v", e.Identity)
		}
	})
}

func TestAddressFoundLaterIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		began := time.Now()
		inst := register(t, newKeeper(t, st), addressAfter(time.Second))
		if time.Since(began) != 0 || published(t, st).IP.IsValid() {
			t.Errorf("registered after %v with address %v, want at once and none", time.Since(began), published(t, st).IP)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if e := published(t, st); e.IP != publicIP || e.Payload.Seen.IP != publicIP {
			t.Errorf("published %v and %v, want %v", e.IP, e.Payload.Seen.IP, publicIP)
		}
		wantAgreement(t, st, inst)
	})
}

func TestAddressFoundDuringWaitIsInTheFirstValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		first := register(t, k)
		time.AfterFunc(time.Hour, func() { _ = first.Deregister(context.Background()) })
		register(t, k, wait, addressAfter(time.Second))
		if e := published(t, st); e.IP != publicIP {
			t.Errorf("published %v, want %v", e.IP, publicIP)
		}
		synctest.Wait()
		if n := len(st.Sent(teststore.Update)); n != 0 {
			t.Errorf("got %d updates, want none", n)
		}
	})
}

func TestNextValueHasAddressWhoseWriteFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		st.Inject(teststore.Refuse, teststore.Update)
		inst := register(t, newKeeper(t, st), addressAfter(time.Second))
		time.Sleep(time.Second + heartbeat)
		if e := published(t, st); e.IP != publicIP {
			t.Errorf("published %v, want %v with the next heartbeat", e.IP, publicIP)
		}
		wantAgreement(t, st, inst)
	})
}

func TestAddressSearchEndsAfterThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cut time.Duration
		began := time.Now()
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) {
			c.PublicIP = func(ctx context.Context) (netip.Addr, error) {
				<-ctx.Done()
				cut = time.Since(began)
				return netip.Addr{}, ctx.Err()
			}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if cut != 3*time.Second || published(t, st).IP.IsValid() {
			t.Errorf("cut after %v, published %v; want 3s and none", cut, published(t, st).IP)
		}
		wantAgreement(t, st, inst)
	})
}

func TestAddressIsAbsentIfSearchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		register(t, newKeeper(t, st), func(c *config) {
			c.PublicIP = func(context.Context) (netip.Addr, error) { return publicIP, errBoom }
		})
		time.Sleep(time.Minute)
		if e := published(t, st); e.IP.IsValid() || e.Payload.Seen.IP.IsValid() || len(st.Sent(teststore.Update)) != 0 {
			t.Errorf("published %v with %d updates, want none", e.IP, len(st.Sent(teststore.Update)))
		}
	})
}

// addressIgnoringContext sets a PublicIP that takes d, ignores its context, and sets over at its
// end.
func addressIgnoringContext(d time.Duration, over *bool) func(*config) {
	return func(c *config) {
		c.PublicIP = func(context.Context) (netip.Addr, error) {
			time.Sleep(d)
			*over = true
			return publicIP, nil
		}
	}
}

func TestDeregisterWaitsForTheAddressSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over bool
		inst := register(t, newKeeper(t, teststore.New()), addressIgnoringContext(4*time.Second, &over))
		if err := inst.Deregister(t.Context()); err != nil || !over {
			t.Errorf("returned %v; search ended: %v", err, over)
		}
	})
}

func TestDeregisterCancelsTheAddressSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inst := register(t, newKeeper(t, teststore.New()), addressAfter(2*time.Second))
		began := time.Now()
		if err := inst.Deregister(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("returned %v after %v, want at once", err, time.Since(began))
		}
	})
}

func TestSlowAddressSearchDoesNotDelayTheRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over bool
		st := teststore.New()
		inst := register(t, newKeeper(t, st), addressIgnoringContext(time.Minute, &over))
		go func() { _ = inst.Deregister(t.Context()) }()
		time.Sleep(time.Second)
		wantGone(t, st)
		time.Sleep(time.Minute)
	})
}

func TestRefusedRegisterWaitsForTheAddressSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, teststore.New())
		register(t, k)
		began, over := time.Now(), false
		wantConflict(t, k, func(c *config) {
			c.PublicIP = func(ctx context.Context) (netip.Addr, error) {
				<-ctx.Done()
				over = true
				return publicIP, nil
			}
		})
		if !over || time.Since(began) != 0 {
			t.Errorf("returned after %v; search ended: %v", time.Since(began), over)
		}
	})
}

// The first call of Fill checks the payload, the second makes the first value. A goroutine that
// is left over would fail the bubble.
func TestPanicInFillEndsTheAddressSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, calls := newKeeper(t, teststore.New()), 0
		cfg := configure(addressAfter(time.Second), func(c *config) {
			c.Fill = func(*payload, registry.Status[State]) {
				if calls++; calls == 2 {
					panic(errBoom)
				}
			}
		})
		defer func() {
			if p := recover(); p != errBoom {
				t.Errorf("recovered %v, want the panic of Fill", p)
			}
		}()
		_, _ = registry.Register(t.Context(), k, lifecycle, cfg)
	})
}

func TestDeregisterCancelsTheWriteOfTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), addressAfter(2*time.Second))
		st.Inject(teststore.Silence, teststore.Update)
		time.Sleep(2*time.Second + time.Millisecond) // the address is being written
		began := time.Now()
		if err := inst.Deregister(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("returned %v after %v, want at once", err, time.Since(began))
		}
		wantGone(t, st)
	})
}
