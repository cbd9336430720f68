package storetest

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Harness says how the suite gets at a backend. Open is required.
type Harness struct {
	// Open returns a store without data that nobody else uses, and has t close
	// it in its cleanup. Every try of a case calls it once, and Run once more to
	// see what the fixture can do.
	Open func(t *testing.T) Fixture

	// Parallel is how many cases run at the same time, each on what Open gives
	// it; one if zero. Most cases wait most of the time.
	Parallel int

	// Virtual says that the store lives in this process and takes the time
	// from package time alone. Cases then run in testing/synctest bubbles, and
	// expiry is checked to the nanosecond. A case in which the store waits for
	// itself then never ends: go test -timeout says which.
	Virtual bool

	// TTL is the time to live of the records that a case waits to see expire.
	// Zero means 10 s in virtual time; in real time it means 500 ms, or the
	// declared minimum where that is longer. A further try has twice as long a
	// one.
	TTL time.Duration

	// Programmes is how many random programmes the model test runs. Zero means
	// 4000 in virtual time and 40 in real time.
	Programmes int

	last  bool          // no further try follows
	turns chan struct{} // has an element for each case under way; nil for one at a time
}

// Fixture is a store of one case and what else can be done to its data. All but
// Store is optional; what is nil leaves out the cases that need it.
type Fixture struct {
	Store store.Store

	// Peer is another store on the same data, as another process has. Without
	// it the cases for several processes use Store for all.
	Peer store.Store

	// Outsider is a program without this library on the same data. It is
	// needed by the law on foreign values, and looks beneath the store in
	// several others.
	Outsider *Outsider

	// Restart stops the server and starts it again with its data. It is needed
	// to check that records and tokens outlive it, and watches too.
	Restart func()
	// RestartEmpty stops the server and starts it again without its data. It
	// is needed to check that a loss of data is a lost term.
	RestartEmpty func()

	// Pause stops the server in such a way that its connections stay open and
	// nothing answers, until Resume. The law on contexts needs both.
	Pause, Resume func()

	// Cut cuts every connection that the store has at the moment. The store
	// can connect again at once. The law on watches needs it.
	Cut func()
}

// Outsider writes and reads without this library, by the backend's own means. Each
// function fails the test itself if it cannot do what it is for. Put, Delete and
// Get are required, the others optional.
type Outsider struct {
	// Put puts value under key whatever is there. A ttl of [store.Forever]
	// means no expiry.
	Put func(key string, value []byte, ttl time.Duration)
	// Overwrite replaces what is under key and keeps its expiry.
	Overwrite func(key string, value []byte)
	// PutOther puts something without expiry under key that cannot be read as
	// bytes, e.g. a list.
	PutOther func(key string)
	// Delete removes what is under key.
	Delete func(key string)
	// Get returns what is under key as bytes, and its time left or
	// [store.Forever]. It returns a time left of zero if there is nothing.
	Get func(key string) (value []byte, left time.Duration)
}

// Run checks the store against every law, each as a subtest.
func Run(t *testing.T, h Harness) {
	h, can := h.resolve(t)
	var out []string
	var all []part
	for _, l := range laws() {
		cases, without := l.split(can)
		out = append(out, without...)
		if len(cases) > 0 {
			all = append(all, part{name: l.name, run: func(t *testing.T) { l.check(t, h, cases) }, isLaw: true})
		}
	}
	h.run(t, append(all,
		part{name: "EveryProgrammeRunsAsInTheModel", run: func(t *testing.T) { h.conclusively(t, checkProgrammes) }},
		part{name: "AWatchThatIsQuietEqualsList", run: h.checkWatches})...)
	if len(out) > 0 {
		t.Logf("left out, for lack of a field of the fixture:\n%s", strings.Join(out, "\n"))
	}
}

// resolve fills in the defaults, and reports what a fixture can do.
func (h Harness) resolve(t *testing.T) (Harness, Fixture) {
	if h.Parallel > 1 {
		h.turns = make(chan struct{}, h.Parallel)
	}
	var can Fixture
	h.within(t, func(t *testing.T) { can = h.Open(t) })
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

// part is a subtest: a case, or a law with cases of its own.
type part struct {
	name  string
	run   func(*testing.T)
	isLaw bool
}

// run runs parts as subtests: one after another, or all at once where cases wait for
// their turn. It does not use t.Parallel, whose limit is the number of processors.
func (h Harness) run(t *testing.T, parts ...part) {
	var all sync.WaitGroup
	for _, p := range parts {
		if h.turns == nil {
			t.Run(p.name, p.run)
			continue
		}
		all.Go(func() {
			if !p.isLaw {
				h.turns <- struct{}{}
				defer func() { <-h.turns }()
			}
			t.Run(p.name, p.run)
		})
	}
	all.Wait()
}

// within runs f where time passes as the harness says. A panic of f, which is how
// a rapid property fails, passes through.
func (h Harness) within(t *testing.T, f func(*testing.T)) {
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
