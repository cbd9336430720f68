package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Harness connects the suite to a backend. Open is required.
type Harness struct {
	// Open returns a store without data that no other test uses, and closes it in
	// a cleanup of t. Every try of a case calls Open once; Run calls it once more
	// to see which cases can run.
	Open func(t *testing.T) Fixture

	// Parallel is the number of cases that run at the same time, each on its own
	// fixture; zero means one. Most cases spend most of their time waiting.
	Parallel int

	// Virtual says that the store lives in this process and reads the time from
	// package time alone. Cases then run in testing/synctest bubbles, and expiry
	// is checked to the nanosecond. If the store waits for itself, the case never
	// ends: go test -timeout names it.
	Virtual bool

	// TTL is the time to live of the records that a case expects to expire. Zero
	// means 10 s in virtual time; in real time it means 500 ms, or the declared
	// minimum if that is longer. Every further try doubles it.
	TTL time.Duration

	// Programmes is the number of random programmes of the model test. Zero means
	// 4000 in virtual time and 40 in real time.
	Programmes int

	last  bool          // no further try follows
	slots chan struct{} // holds an element for each running case; nil for one at a time
}

// Fixture is the store of one case, with further access to its data and its server.
// Store is required; a nil field leaves out the cases that need it.
type Fixture struct {
	Store store.Store

	// Peer is another store on the same data, as another process has. Without it
	// the cases for several processes use Store.
	Peer store.Store

	// Outsider is a program without this library on the same data. The law on
	// foreign values needs it, and several other laws check with it.
	Outsider *Outsider

	// Restart stops the server and starts it again with its data. The cases about
	// records, tokens and watches that outlive a restart need it.
	Restart func()
	// RestartEmpty stops the server and starts it again without its data. The
	// cases about loss of data need it.
	RestartEmpty func()

	// Pause suspends the server until Resume: its connections stay open and nothing
	// answers. The law on contexts needs both.
	Pause, Resume func()

	// Cut closes every connection that the store has at the moment. The store can
	// connect again at once. The law on watches needs it.
	Cut func()
}

// Outsider writes and reads without this library, by the backend's own means. Put,
// Delete and Get are required; each function fails the test itself if it cannot do
// its work.
type Outsider struct {
	// Put puts value under key, whether or not there is another. A ttl of
	// [store.Forever] means no expiry.
	Put func(key string, value []byte, ttl time.Duration)
	// Overwrite replaces the value under key and keeps its expiry.
	Overwrite func(key string, value []byte)
	// PutOther puts something without expiry under key that cannot be read as
	// bytes, e.g. a list.
	PutOther func(key string)
	// Delete removes the value under key.
	Delete func(key string)
	// Get returns the value under key as bytes, and its time left or
	// [store.Forever]. A time left of zero means that there is no value.
	Get func(key string) (value []byte, left time.Duration)
}

// Run checks a store against every law, each as a subtest.
func Run(t *testing.T, h Harness) {
	h, can := h.resolve(t)
	var all []subtest
	var leftOut []string
	for _, l := range laws {
		var cases []lawcase
		for _, c := range l.cases {
			if lacking := slices.IndexFunc(c.needs, func(n need) bool { return !n.met(can) }); lacking >= 0 {
				leftOut = append(leftOut, l.name+"/"+c.name+" needs "+c.needs[lacking].name)
				continue
			}
			cases = append(cases, c)
		}
		if len(cases) > 0 {
			all = append(all, subtest{name: l.name, run: func(t *testing.T) { l.check(t, h, cases) }, isLaw: true})
		}
	}
	h.run(t, append(all,
		subtest{name: "RandomProgrammesMatchTheModel", run: func(t *testing.T) { h.untilConclusive(t, checkProgrammes) }},
		subtest{name: "AQuietWatchEqualsList", run: h.checkWatches})...)
	if len(leftOut) > 0 {
		t.Logf("cases that did not run, because the fixture lacks a capability:\n%s", strings.Join(leftOut, "\n"))
	}
}

// resolve fills in the defaults and returns a fixture that shows which cases can run.
func (h Harness) resolve(t *testing.T) (Harness, Fixture) {
	if h.Parallel > 1 {
		h.slots = make(chan struct{}, h.Parallel)
	}
	var can Fixture
	h.inBubble(t, func(t *testing.T) { can = h.Open(t) })
	if h.TTL == 0 && h.Virtual {
		h.TTL = 10 * time.Second
	} else if h.TTL == 0 {
		h.TTL = max(500*time.Millisecond, store.CapabilitiesOf(can.Store).MinTTL)
	}
	if h.Programmes == 0 && h.Virtual {
		h.Programmes = 4000
	} else if h.Programmes == 0 {
		h.Programmes = 40
	}
	return h, can
}

// subtest is a case, or a law with cases as subtests of its own.
type subtest struct {
	name  string
	run   func(*testing.T)
	isLaw bool
}

// run runs subtests one after another, or concurrently if cases wait for a slot. It
// does not use t.Parallel, which the number of processors limits.
func (h Harness) run(t *testing.T, subtests ...subtest) {
	var all sync.WaitGroup
	for _, s := range subtests {
		if h.slots == nil {
			t.Run(s.name, s.run)
			continue
		}
		all.Go(func() {
			if !s.isLaw {
				h.slots <- struct{}{}
				defer func() { <-h.slots }()
			}
			t.Run(s.name, s.run)
		})
	}
	all.Wait()
}

// inBubble runs f, in virtual time in a synctest bubble. A panic of f, for example by a
// failed rapid property, passes through.
func (h Harness) inBubble(t *testing.T, f func(*testing.T)) {
	if !h.Virtual {
		f(t)
		return
	}
	var failure any
	synctest.Test(t, func(t *testing.T) {
		defer func() { failure = recover() }()
		f(t)
	})
	if failure != nil {
		panic(failure)
	}
}
