package page

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	maxAges   = 200           // keys in a call
	freshAges = time.Second   // for which an age is answered again
	keptAges  = 2 * freshAges // after which one goes, so that a client that asks for many keys fills no memory
)

// age is the time left of a record, by the store. Times are in milliseconds.
type age struct {
	Key  string `json:"key"`
	Left int64  `json:"left,omitempty"` // -1 without an expiry
	TTL  int64  `json:"ttl,omitempty"`
	Gone bool   `json:"gone,omitempty"`
}

// ages reads times left, and remembers each for a second, so that many clients cost the store as
// much as one.
type ages struct {
	store store.Store

	mu    sync.Mutex
	known map[string]readAge
	swept time.Time
}

type readAge struct {
	at   time.Time
	left time.Duration // 0 without a record
}

func newAges(st store.Store) *ages { return &ages{store: st, known: make(map[string]readAge)} }

// of returns the times left of keys, in their order.
func (a *ages) of(ctx context.Context, keys []string) ([]readAge, error) {
	at := time.Now()
	a.mu.Lock()
	var old []string
	for _, key := range keys {
		if k, known := a.known[key]; !known || at.Sub(k.at) >= freshAges {
			old = append(old, key)
		}
	}
	a.mu.Unlock()

	read := make(map[string]readAge, len(old))
	if len(old) > 0 {
		records, err := store.GetBatch(ctx, a.store, old)
		if err != nil {
			return nil, err
		}
		at = time.Now()
		for _, key := range old {
			read[key] = readAge{at, records[key].Left}
		}
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	for key, k := range read {
		a.known[key] = k
	}
	all := make([]readAge, len(keys))
	for i, key := range keys {
		all[i] = a.known[key]
	}
	if at.Sub(a.swept) >= keptAges {
		a.swept = at
		for key, k := range a.known {
			if at.Sub(k.at) >= keptAges {
				delete(a.known, key)
			}
		}
	}
	return all, nil
}

// getAges tells the times left of the rows in view.
func (p *Page) getAges(ctx context.Context, r *http.Request) (any, error) {
	var asked struct {
		Keys []string `json:"keys"`
	}
	if err := body(r, &asked); err != nil {
		return nil, err
	}
	if err := p.keysOf(asked.Keys, 0, maxAges); err != nil {
		return nil, err
	}
	read, err := p.ages.of(ctx, asked.Keys)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	all := make([]age, len(read))
	for i, k := range read {
		all[i].Key = asked.Keys[i]
		if v, known := p.board.get(all[i].Key); known {
			all[i].TTL = v.TTL
		}
		switch {
		case k.left == 0:
			all[i].Gone = true
		case k.left == store.Forever:
			all[i].Left = -1
		default: // it may have been renewed since: the next answer tells
			all[i].Left = max(k.left-at.Sub(k.at), time.Millisecond).Milliseconds()
		}
	}
	return struct {
		At   moment `json:"at"`
		Ages []age  `json:"ages"`
	}{moment{at}, all}, nil
}
