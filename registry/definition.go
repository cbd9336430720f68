package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// ErrNoDefinition is the error for an instance without a readable definition: it publishes
// none, has not stored it yet, or is gone for so long that it has expired.
var ErrNoDefinition = errors.New("no definition")

// ReadDefinition returns the description of the machine of the instance that wrote a record. Draw
// it with package fsmdraw, which marks [Record.State]. The description never changes for a
// [Record.Definition], so it may be kept under it.
//
// It fails with [ErrNoDefinition], and then says why; with *[store.ForeignError] if the record is
// foreign or another program's value is in the place of the definition; with
// *[store.InvalidError] if the store is no [store.Definer]; with [store.ErrUnavailable]; and with
// the error of [fsm.Description.Check].
func ReadDefinition[P any](ctx context.Context, st store.Store, r Record[P]) (fsm.Description, error) {
	none := func(why string) (fsm.Description, error) {
		return fsm.Description{}, fmt.Errorf("%w for %q: %s", ErrNoDefinition, r.Key, why)
	}
	definer, ok := store.DefinerOf(st)
	switch {
	case r.Foreign():
		return fsm.Description{}, &store.ForeignError{Record: store.Record{Key: r.Key, Left: r.Left}}
	case !r.Published:
		return none("its record was not written by package registry")
	case r.Definition == "":
		return none("its instance publishes none: its program has an older version of leasehold, sets NoDefinition, or has a definition that is too long")
	case store.CheckDefinitionID(r.Definition) != nil:
		return none(fmt.Sprintf("its record names the definition %.40q, which cannot be one", r.Definition))
	case !ok:
		return fsm.Description{}, &store.InvalidError{Key: r.Key, What: "store", Rule: "must keep definitions, as a store.Definer does"}
	}
	value, err := definer.GetDefinition(ctx, r.Definition)
	if errors.Is(err, store.ErrNotFound) {
		again := (definitionLife(r.TTL) / definitionRefresh).Round(time.Hour)
		return none(fmt.Sprintf("the store does not have it: a program stores it in seconds after an instance registers, or tells its log why it cannot; "+
			"if it was deleted since, it is there again after %.0f hours, or once another instance registers", again.Hours()))
	}
	if err != nil {
		return fsm.Description{}, err
	}
	var d fsm.Description
	if err = json.Unmarshal(value, &d); err == nil {
		err = d.Check()
	}
	if err != nil {
		return fsm.Description{}, fmt.Errorf("definition of %q: %w", r.Key, err)
	}
	return d, nil
}

// A definition is stored for definitionTTL, or for twelve times the TTL of records if that is
// longer, and again after a third of that. As the store lets half of the time pass without a
// write, a definition outlives the last renew of an instance by a sixth of it at least.
const (
	definitionTTL          = 24 * time.Hour
	definitionRefresh      = 3                // a part of that time
	recordsPerRefresh      = 12               // TTLs of a record
	definitionGap          = 10 * time.Second // between two writes for new instances
	longestDefinitionPause = 10 * time.Minute // after a write that failed
)

// definitionLife is for how long a definition is stored whose instances have records of a TTL.
func definitionLife(ttl time.Duration) time.Duration {
	return min(max(definitionTTL, recordsPerRefresh*ttl), store.MaxDefinitionTTL)
}

// publications has the definitions that the instances of this process publish. Instances with the
// same keeper and definition share one, so that their number does not show in the store's load.
var publications = struct {
	sync.Mutex // guards also the fields of each that change
	all        map[publicationKey]*publication
}{all: make(map[publicationKey]*publication)}

// publicationKey identifies a publication.
type publicationKey struct {
	keeper     *lease.Keeper
	definition any // a *fsm.Definition
}

// publication keeps a definition in the store while instances with it are registered.
type publication struct {
	key   publicationKey
	store store.Definer
	ttl   time.Duration
	made  func() madeDefinition

	joined int // publishers, also those that have not begun
	begun  map[*publisher]struct{}
	stop   context.CancelFunc // of run
	ended  chan struct{}      // closed when run has ended
	again  chan struct{}      // holds an element if run is to store the definition once more
}

// madeDefinition is a definition as it is stored, with its id, or the error of making it.
type madeDefinition struct {
	value []byte
	id    string
	err   error
}

// publisher is an instance that publishes its definition. A nil publisher publishes none.
type publisher struct {
	of      *publication
	tell    func(error)    // that the definition is not in the store
	told    bool           // of the failure that lasts; guarded by publications
	telling sync.WaitGroup // calls of tell
	leave   func() <-chan struct{}
}

// newPublisher returns the publisher of an instance that is to be registered, or nil if the store
// keeps no definitions. Its end has to be called.
func newPublisher[S comparable](k *lease.Keeper, def *fsm.Definition[S], tell func(error)) *publisher {
	st, ok := store.DefinerOf(k.Store())
	if !ok {
		return nil
	}
	key := publicationKey{k, def}
	publications.Lock()
	defer publications.Unlock()
	p := publications.all[key]
	if p == nil {
		p = &publication{key: key, store: st, begun: make(map[*publisher]struct{}), again: make(chan struct{}, 1)}
		p.ttl = definitionLife(k.TTL())
		p.made = sync.OnceValue(func() (m madeDefinition) {
			if m.value, m.err = json.Marshal(def.Describe()); m.err == nil {
				m.err = store.CheckDefinition(m.value, p.ttl)
			}
			if m.err == nil {
				m.id = store.DefinitionID(m.value)
			}
			return m
		})
		publications.all[key] = p
	}
	p.joined++
	m := &publisher{of: p, tell: tell}
	m.leave = sync.OnceValue(func() <-chan struct{} {
		stored, ended := p.leave(m), make(chan struct{})
		go func() {
			<-stored
			m.telling.Wait()
			close(ended)
		}()
		return ended
	})
	return m
}

// id returns the id of the definition, or none if it cannot be stored.
func (m *publisher) id() string {
	if m == nil {
		return ""
	}
	return m.of.made().id
}

// begin has the definition stored, in the background, until the lease ends.
func (m *publisher) begin(l lease.Lease) {
	if m == nil {
		return
	}
	made := m.of.made()
	if made.err != nil {
		m.tell(made.err)
		return
	}
	m.of.begin(m, made.value)
	held, cancel := l.Context(context.Background())
	context.AfterFunc(held, func() {
		m.end()
		cancel()
	})
}

// end has the definition no longer stored for this instance. It returns a channel that is closed
// when no goroutine works for it. It may be called again.
func (m *publisher) end() <-chan struct{} {
	if m == nil {
		return closed
	}
	return m.leave()
}

func (p *publication) begin(m *publisher, value []byte) {
	publications.Lock()
	defer publications.Unlock()
	p.begun[m] = struct{}{}
	if len(p.begun) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		p.stop, p.ended = stop, make(chan struct{})
		go p.run(ctx, value, p.ended)
		return
	}
	select { // the store may have lost the definition together with an earlier lease
	case p.again <- struct{}{}:
	default:
	}
}

func (p *publication) leave(m *publisher) <-chan struct{} {
	publications.Lock()
	defer publications.Unlock()
	ended := closed
	if _, begun := p.begun[m]; begun {
		if delete(p.begun, m); len(p.begun) == 0 {
			p.stop()
			ended = p.ended
		}
	}
	if p.joined--; p.joined == 0 {
		delete(publications.all, p.key)
	}
	return ended
}

// closed is a closed channel.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// run stores the definition, again and again, until ctx ends.
func (p *publication) run(ctx context.Context, value []byte, ended chan<- struct{}) {
	defer close(ended)
	for failed := 0; ; {
		limited, cancel := context.WithTimeout(ctx, writeLimit)
		err := p.store.PutDefinition(limited, value, p.ttl)
		cancel()
		if ctx.Err() != nil {
			return
		}
		p.report(err)
		pause := p.ttl / definitionRefresh
		if failed++; err == nil {
			failed = 0
		} else {
			pause = min(longestPause<<min(failed-1, 20), longestDefinitionPause)
		}
		pause -= rand.N(pause / 10) // so that processes that began together do not go on together
		gap := min(pause, definitionGap)
		if !sleep(ctx, gap) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.again:
		case <-time.After(pause - gap):
		}
	}
}

// report tells each publisher of a failure, once until a write succeeds. It waits for none of them.
func (p *publication) report(err error) {
	publications.Lock()
	defer publications.Unlock()
	for m := range p.begun {
		if err != nil && !m.told {
			m.telling.Go(func() { m.tell(err) })
		}
		m.told = err != nil
	}
}

// definitionFailed tells the observers that the definition of the instance is not in the store.
func (i *Instance[S, P]) definitionFailed(err error) {
	i.tell(context.Background(), Notice{Kind: NoticeDefinition, Err: fmt.Errorf("definition of %q is not published: %w", i.cfg.Key, err)})
}
