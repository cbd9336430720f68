package page_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// viewer reads the event stream of a page. It does not connect again.
type viewer struct {
	mu      sync.Mutex
	states  map[string]string // by key; gone instances have none
	current bool
	ended   bool
}

func view(t *testing.T, url string) *viewer {
	t.Helper()
	answer, err := http.Get(url + "api/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	v := &viewer{states: make(map[string]string)}
	go func() {
		name := ""
		in := bufio.NewScanner(answer.Body)
		in.Buffer(nil, 1<<22)
		for in.Scan() {
			if text, is := strings.CutPrefix(in.Text(), "event: "); is {
				name = text
			}
			if text, is := strings.CutPrefix(in.Text(), "data: "); is {
				v.take(name, text)
			}
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.ended = true
	}()
	return v
}

func (v *viewer) take(name, text string) {
	var told struct {
		Current bool
		Rows    []struct {
			Key, State string
			Gone       *struct{}
		}
	}
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch name {
	case "hello", "current":
		v.current = told.Current
	}
	for _, row := range told.Rows {
		if v.states[row.Key] = row.State; row.Gone != nil {
			delete(v.states, row.Key)
		}
	}
}

// await waits until the page is current and shows instances in a state.
func (v *viewer) await(t *testing.T, state string, keys ...string) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		v.mu.Lock()
		shown := v.current && len(v.states) == len(keys)
		for _, key := range keys {
			shown = shown && v.states[key] == state
		}
		said := fmt.Sprintf("current %v, %v", v.current, v.states)
		ended := v.ended
		v.mu.Unlock()
		switch {
		case shown:
			return
		case ended:
			t.Fatal("the event stream has ended")
		case time.Now().After(limit):
			t.Fatalf("the page does not show %v in %s: %s", keys, state, said)
		}
	}
}

// A viewer sees each change through what happens to a store, on one event stream.
func TestThePageFollowsItsStore(t *testing.T) {
	full.Only(t)
	t.Parallel()
	type fault func(key string)
	for name, start := range map[string]func(*testing.T) (server, fault){
		"failover": func(t *testing.T) (server, fault) {
			s := redistest.StartSentinel(t, time.Second)
			return s, func(string) { s.Failover() }
		},
		"move of a slot": func(t *testing.T) (server, fault) {
			c := redistest.StartCluster(t, 3)
			return c, func(key string) {
				slot := int(c.Client().ClusterKeySlot(t.Context(), key).Val())
				at := 2
				for at*16384/3 > slot { // each master has a third
					at--
				}
				c.Move(slot, c.Masters[at], c.Masters[(at+1)%3]).Finish()
			}
		},
		"compaction": func(t *testing.T) (server, fault) {
			c := etcdtest.Start(t, etcdtest.Settings{})
			return c, func(key string) {
				client := c.Client()
				c.Pause() // the watch hears nothing of the revisions that are compacted
				c.Resume()
				got, err := client.Get(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Compact(t.Context(), got.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, fault := start(t)
			w := newWorld(t, s)
			page, err := w.serve(order{})
			if err != nil {
				t.Fatal(err)
			}
			answer, err := w.start(order{Count: 3, TTL: "30s"})
			if err != nil {
				t.Fatal(err)
			}
			keys := answer.([]string)
			v := view(t, page.(map[string]string)["url"])
			v.await(t, "idle", keys...)
			move := func(to string) {
				t.Helper()
				for _, key := range keys {
					line := fmt.Sprintf(`{"do":"move","key":%q,"to":%q}`, key, to)
					for limit := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
						_, err := w.order(order{Line: json.RawMessage(line)})
						if err == nil || strings.Contains(err.Error(), "permitted") { // it has moved, though in doubt
							break
						}
						if time.Now().After(limit) {
							t.Fatal(err)
						}
					}
				}
				v.await(t, to, keys...)
			}
			move("connecting")
			fault(keys[0])
			move("authenticating")
			fault(keys[1])
			move("active")
		})
	}
}
