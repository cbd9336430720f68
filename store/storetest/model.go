package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// model is the expected state of a store: a map and a clock. Each verb takes the time and
// returns the expected condition, nil for success.
type model struct {
	records map[string]*entry
	next    map[string]*nextClaim
	ended   map[store.Nonce]bool
	last    map[string]store.Token // the largest granted token
}

// entry is the value under a key.
type entry struct {
	value    string
	token    store.Token // zero for a foreign value, and until the store has granted it
	nonce    store.Nonce
	seq      uint64
	ttl      time.Duration
	deadline time.Time // zero for a foreign value without expiry
	until    time.Time // until of the last grant or renew; zero if there was none
	foreign  bool
}

// nextClaim is the claim that is next for a key.
type nextClaim struct {
	claim    store.Claim
	after    store.Nonce // of the lease that it follows
	deadline time.Time
}

func newModel() *model {
	return &model{make(map[string]*entry), make(map[string]*nextClaim), make(map[store.Nonce]bool), make(map[string]store.Token)}
}

// live returns the live entry under a key, or nil.
func (m *model) live(now time.Time, key string) *entry {
	e := m.records[key]
	if e != nil && !e.deadline.IsZero() && !now.Before(e.deadline) {
		m.end(key)
		return nil
	}
	return e
}

// end removes the entry under a key. A repeat of its create fails from then on.
func (m *model) end(key string) {
	if e := m.records[key]; e != nil && !e.foreign {
		m.ended[e.nonce] = true
	}
	delete(m.records, key)
}

func (m *model) create(now time.Time, c store.Claim) error {
	e := m.live(now, c.Key)
	switch {
	case e != nil && e.foreign:
		return store.ErrForeign
	case e != nil && e.nonce == c.Nonce:
		e.deadline = now.Add(e.ttl)
		return nil
	case e != nil:
		return store.ErrHeld
	case m.ended[c.Nonce]:
		return store.ErrEnded
	}
	m.records[c.Key] = &entry{value: string(c.Value), nonce: c.Nonce, ttl: c.TTL, deadline: now.Add(c.TTL)}
	return nil
}

// createNext is create by a claim that waits. It also returns whether the claim is next.
func (m *model) createNext(now time.Time, c store.Claim) (next bool, err error) {
	if err = m.create(now, c); err == nil {
		m.forget(c.Key, c.Nonce)
	}
	if err == store.ErrHeld && m.ended[c.Nonce] {
		err = store.ErrEnded
	}
	other := m.next[c.Key]
	if err != store.ErrHeld || other != nil && other.claim.Nonce != c.Nonce && now.Before(other.deadline) {
		return false, err
	}
	m.next[c.Key] = &nextClaim{c, m.records[c.Key].nonce, now.Add(c.TTL)}
	return true, err
}

// forget has a claim be no longer next.
func (m *model) forget(key string, nonce store.Nonce) {
	if w := m.next[key]; w != nil && w.claim.Nonce == nonce {
		delete(m.next, key)
	}
}

// granted records the token of a successful create, and reports whether the token is
// allowed.
func (m *model) granted(key string, token store.Token) bool {
	e := m.records[key]
	if e.token != 0 {
		return token == e.token
	}
	grows := token > m.last[key]
	e.token, m.last[key] = token, token
	return grows
}

func (m *model) renew(now time.Time, w store.Renewal) error {
	err := m.write(now, w)
	if err == nil {
		e := m.records[w.Key]
		e.deadline = now.Add(e.ttl)
	}
	return err
}

// write makes an update, or the part of a renew that concerns the value.
func (m *model) write(now time.Time, w store.Renewal) error {
	e := m.live(now, w.Key)
	switch {
	case e == nil:
		return store.ErrLost
	case e.foreign:
		return store.ErrForeign
	case e.token != w.Token:
		return store.ErrLost
	case len(w.Value) == 0:
		return nil
	case w.Seq < e.seq:
		return store.ErrStale
	}
	e.seq, e.value = w.Seq, string(w.Value)
	return nil
}

func (m *model) delete(now time.Time, key string, t store.LeaseRef) {
	m.forget(key, t.Nonce)
	if e := m.live(now, key); e != nil && !e.foreign && (e.nonce == t.Nonce || e.token == t.Token) {
		m.handOver(now, key)
	}
	if t.Nonce != (store.Nonce{}) {
		m.ended[t.Nonce] = true
	}
}

func (m *model) withdraw(now time.Time, key string, nonce store.Nonce) {
	m.forget(key, nonce)
	if e := m.live(now, key); e != nil && !e.foreign && e.nonce == nonce {
		m.handOver(now, key)
	}
}

// handOver ends the lease of a key and begins that of the claim that is next. The token is not known yet.
func (m *model) handOver(now time.Time, key string) {
	w, nonce := m.next[key], m.records[key].nonce
	m.end(key)
	if w != nil && w.after == nonce && now.Before(w.deadline) {
		delete(m.next, key)
		m.records[key] = &entry{value: string(w.claim.Value), nonce: w.claim.Nonce, ttl: w.claim.TTL, deadline: w.deadline}
	}
}

// put makes another program's write. A ttl of zero keeps the expiry.
func (m *model) put(now time.Time, key, value string, ttl time.Duration) {
	e := &entry{value: value, foreign: true}
	if was := m.live(now, key); was != nil && ttl == 0 {
		e.deadline, e.until = was.deadline, was.until
	}
	m.end(key)
	if ttl > 0 && ttl != store.Forever {
		e.deadline = now.Add(ttl)
	}
	m.records[key] = e
}
