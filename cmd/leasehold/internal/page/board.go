package page

import (
	"bytes"
	"cmp"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Limits of a board.
const (
	maxRows     = 50_000           // that are alive; others are counted
	maxGone     = 1000             // rows of instances that went
	keepGone    = 10 * time.Minute // for which they stay
	maxItems    = 500              // of the feed
	maxFrames   = 1024             // that a client can be behind
	maxBacklog  = 16 << 20         // bytes of them
	rowsInFrame = 500

	endsAtOnce   = 4
	framesAtOnce = 16 // that a client takes: all but these can be dropped

	batchEvery = 100 * time.Millisecond // for which changes are gathered
	minBatch   = 20 * time.Millisecond  // between two batches, if the store has gathered them
	probeEvery = 2 * time.Second        // whether the store answers
	probeLimit = 2 * time.Second
	minPause   = 250 * time.Millisecond // between two watches
	maxPause   = 5 * time.Second
)

// board has the rows of all instances under a prefix, from one watch of the store, and the
// changes of the last moments as frames of an event stream. It keeps nothing for a client: each
// reads the frames at its own pace, and begins again with all rows if it is behind the oldest.
type board struct {
	store  store.Store
	prefix string
	room   int // for live rows

	dirty chan struct{} // has an element if there is something for a batch beside the watch
	ends  chan ending   // whose logs may tell why

	mu       sync.Mutex
	rows     map[string]*known
	unseen   map[string]struct{} // the rows that a new watch has not shown yet
	left     map[string]struct{} // keys of live records for which there is no room
	ended    *list.List          // keys of rows that are gone, in the order of their end
	changes  []string            // keys of the rows for the next batch
	news     []item              // for the next batch
	items    []item              // of the feed, oldest first
	loaded   bool                // the first watch has been synced
	now      current
	frames   [][]byte      // each with one or more events
	first    uint64        // number of frames[0]
	backlog  int           // bytes of frames
	appended chan struct{} // closed at the next frame
}

// current says whether the rows equal the records of the store.
type current struct {
	Current bool   `json:"current"`
	Since   moment `json:"since"`
	Error   string `json:"error,omitempty"`
}

func newBoard(st store.Store, prefix string) *board {
	return &board{
		store: st, prefix: prefix, room: maxRows, dirty: make(chan struct{}, 1), ends: make(chan ending, maxGone), appended: make(chan struct{}),
		rows: make(map[string]*known), items: []item{}, unseen: make(map[string]struct{}), left: make(map[string]struct{}), ended: list.New(),
		now: current{Since: now(), Error: "the instances are being read"},
	}
}

func now() moment { return moment{time.Now()} }

// run watches the store until ctx ends. Whenever the watch ends, or the store does not answer, it
// begins another.
func (b *board) run(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	for range endsAtOnce {
		others.Go(func() { b.explainEnds(ctx) })
	}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		synced, err := b.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		b.setCurrent(false, err)
		if synced {
			pause = minPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// watch applies one watch, until it ends or the store does not answer. It reports whether it has
// seen all records.
//
// Changes are gathered for a batch from the first of them on, by the store if it can: many then cost
// little more than a few.
func (b *board) watch(ctx context.Context) (synced bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel(nil)

	b.mu.Lock()
	clear(b.unseen)
	for key, k := range b.rows {
		if k.row.Gone == nil {
			b.unseen[key] = struct{}{}
		}
	}
	clear(b.left)
	b.mu.Unlock()

	var events queue
	arrived, ended := make(chan struct{}, 1), make(chan error, 1)
	g, gathered := b.store.(store.GatheringWatcher)
	others.Go(func() {
		all := b.store.Watch(ctx, b.prefix)
		if gathered {
			all = g.WatchGathered(ctx, b.prefix, batchEvery)
		}
		for e, err := range all {
			if err != nil {
				ended <- cmp.Or(context.Cause(ctx), err)
				return
			}
			events.add(e)
			select {
			case arrived <- struct{}{}:
			default: // it is to take them already
			}
		}
		ended <- errors.New("the watch has ended")
	})

	reading := true           // all records are being read
	var over <-chan time.Time // when the batch is complete
	var last time.Time        // batch
	for {
		select {
		case <-arrived:
			for _, e := range events.take() {
				b.apply(e)
				switch e.Kind {
				case store.EventResync:
					reading = true
				case store.EventSynced:
					reading = false
					if !synced {
						synced = true
						others.Go(func() { cancel(b.probe(ctx)) })
					}
				}
			}
		case <-b.dirty:
		case <-over:
			over, last = nil, time.Now()
			b.batch()
			continue
		case err := <-ended:
			return synced, err
		}
		switch wait := minBatch - time.Since(last); {
		case reading:
			over = nil
		case over != nil:
		case !gathered:
			over = time.After(batchEvery)
		case wait > 0:
			over = time.After(wait)
		default: // the events of a read come together, or almost
			last = time.Now()
			b.batch()
		}
	}
}

// queue has the events of a watch that the board has not taken yet.
type queue struct {
	mu     sync.Mutex
	events []store.Event
}

func (q *queue) add(e store.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events = append(q.events, e)
}

func (q *queue) take() []store.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.events
	q.events = nil
	return all
}

// probe reads a record from time to time, and returns the error if the store does not answer. A
// watch does not tell: it only waits.
func (b *board) probe(ctx context.Context) error {
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
		b.dropGone()
		err := b.ask(ctx)
		away := errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrDenied) // a refusal is an answer
		if away && ctx.Err() == nil {
			return err
		}
	}
}

// ask reads one record: any, so that each server of several has its turn.
func (b *board) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	if key := b.anyKey(); key != "" {
		_, err := b.store.Get(ctx, key)
		return err
	}
	for _, err := range b.store.List(ctx, b.prefix) {
		return err
	}
	return nil
}

func (b *board) anyKey() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.rows {
		return key
	}
	return ""
}

// apply takes an event into the rows.
func (b *board) apply(e store.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch key := e.Record.Key; e.Kind {
	case store.EventPut:
		delete(b.unseen, key)
		b.put(registry.Decode[fields](e.Record))
	case store.EventGone:
		b.end(key, e.Cause)
	case store.EventSynced:
		for key := range b.unseen {
			b.end(key, store.CauseUnknown)
		}
		clear(b.unseen)
		b.synced()
	}
}

func (b *board) put(r registry.Record[fields]) {
	before := b.rows[r.Key]
	if before == nil && len(b.rows)-b.ended.Len() >= b.room {
		b.left[r.Key] = struct{}{}
		return
	}
	delete(b.left, r.Key)
	v := newRow(r)
	text := encode(v)
	if before != nil && bytes.Equal(before.text, text) {
		return // a watch that began again
	}
	b.news = append(b.news, activities(before, r, v, now())...)
	if !b.loaded && len(b.news) > 8*maxItems { // the feed begins with the newest of all instances
		b.news = newest(b.news)
	}
	if before != nil && before.row.Gone != nil {
		b.ended.Remove(before.end)
	}
	b.set(&known{text: text, row: v, number: lastNumber(r.History)}, before)
}

// set replaces a row, and puts it in the next batch.
func (b *board) set(k, before *known) {
	k.changed = true
	if before == nil || !before.changed {
		b.changes = append(b.changes, k.row.Key)
	}
	b.rows[k.row.Key] = k
}

// end marks a row as gone.
func (b *board) end(key string, cause store.Cause) {
	delete(b.left, key)
	before := b.rows[key]
	if before == nil || before.row.Gone != nil {
		return
	}
	why := map[store.Cause]string{store.CauseUnknown: whyUnknown, store.CauseDeleted: whyDeleted, store.CauseExpired: whyExpired}[cause]
	before.end = b.ended.PushBack(key)
	at := now()
	b.setGone(before, gone{at, why})
	if before.row.Kind == "instance" {
		select {
		case b.ends <- ending{before.row, gone{at, why}}:
			return
		default:
		}
	}
	b.tellEnd(before.row, gone{at, why})
}

// tellEnd adds the end of a row to the feed.
func (b *board) tellEnd(r row, g gone) {
	b.news = append(b.news, item{At: g.At, Seen: now(), Key: r.Key, Name: r.Name, Kind: "gone", From: r.State, Why: g.Why})
}

// ending is the end of an instance as the store tells it.
type ending struct {
	row
	gone
}

// explainEnds looks in the logs of instances that went whether they left in order, which the store
// does not tell, and adds their ends to the feed.
func (b *board) explainEnds(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-b.ends:
			e.Why = b.why(ctx, e)
			b.mu.Lock()
			b.tellEnd(e.row, e.gone)
			if k := b.rows[e.Key]; k != nil && k.row.Token == e.Token && k.row.Gone != nil && k.row.Gone.Why != e.Why {
				b.setGone(k, e.gone)
			}
			b.mu.Unlock()
			select {
			case b.dirty <- struct{}{}:
			default:
			}
		}
	}
}

// why returns the reason of an end: the log's, if it has a word of it.
func (b *board) why(ctx context.Context, e ending) string {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	logged := false
	for entry, err := range registry.ReadLog(ctx, b.store, e.Key, store.LogQuery{Backward: true, Limit: 50}) {
		switch {
		case err != nil:
			return e.Why
		case digits(entry.Token) != e.Token: // of a successor, or of the one before
		case entry.Kind == registry.LogLeft:
			return whyLeft
		default:
			logged = true
		}
	}
	if logged && e.Why == whyUnknown {
		return whyLost
	}
	return e.Why
}

// setGone replaces the end in a row.
func (b *board) setGone(before *known, g gone) {
	k := *before
	k.row.Gone = &g
	k.text = encode(k.row)
	b.set(&k, before)
}

// dropGone forgets rows that went a while ago, after clients have been told of their end.
// Clients do so by themselves.
func (b *board) dropGone() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.ended.Len() > 0 {
		key := b.ended.Front().Value.(string)
		k := b.rows[key]
		if k.changed || b.ended.Len() <= maxGone && time.Since(k.row.Gone.At.Time) < keepGone {
			return
		}
		b.ended.Remove(k.end)
		delete(b.rows, key)
	}
}

// synced ends the list of a watch: the rows equal the records of the store.
func (b *board) synced() {
	if !b.loaded {
		b.loaded = true
		b.items, b.news, b.changes = newest(b.news), nil, nil
		for _, k := range b.rows {
			k.changed = false
		}
		b.now = current{Current: true, Since: now()}
		b.restart()
		return
	}
	if !b.now.Current {
		b.flush() // what has changed meanwhile comes first
		b.now = current{Current: true, Since: now()}
		b.append(event("current", b.now))
	}
}

// setCurrent says that the rows may be older than the records of the store, and why.
func (b *board) setCurrent(is bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := current{Current: is, Since: now()}
	if err != nil {
		c.Error = cut(err.Error(), maxText)
	}
	if b.now.Current == is {
		if b.now.Error == c.Error {
			return
		}
		c.Since = b.now.Since
	}
	b.now = c
	b.append(event("current", c))
}

// batch makes frames of the changes since the last.
func (b *board) batch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loaded {
		b.flush()
	}
}

func (b *board) flush() {
	at := now()
	for len(b.changes) > 0 {
		n := min(len(b.changes), rowsInFrame)
		rows := make([][]byte, 0, n)
		for _, key := range b.changes[:n] {
			if k := b.rows[key]; k != nil {
				k.changed = false
				rows = append(rows, k.text)
			}
		}
		if b.changes = b.changes[n:]; len(rows) > 0 {
			b.append(rowsEvent("change", fmt.Sprintf(`"at":%s`, encode(at)), rows))
		}
	}
	b.changes = nil
	news := b.news[max(len(b.news)-maxItems, 0):]
	b.news = nil
	if len(news) > 0 {
		b.append(event("feed", feed{Items: news}))
		b.items = append(b.items, news...) // snapshots have those before
		b.items = b.items[max(len(b.items)-maxItems, 0):]
	}
}

// newest returns the newest items, the oldest of them first.
func newest(all []item) []item {
	slices.SortStableFunc(all, func(x, y item) int { return x.At.Compare(y.At.Time) })
	return append([]item{}, all[max(len(all)-maxItems, 0):]...)
}

// feed is a part of the activities, or all of them.
type feed struct {
	Items []item `json:"items"`
	All   bool   `json:"all,omitempty"`
}

// append adds a frame, and drops the oldest beyond the limits.
func (b *board) append(frame []byte) {
	b.frames = append(b.frames, frame)
	b.backlog += len(frame)
	for len(b.frames) > maxFrames || b.backlog > maxBacklog && len(b.frames) > 1 {
		b.backlog -= len(b.frames[0])
		b.frames[0] = nil
		b.frames = b.frames[1:]
		b.first++
	}
	b.announce()
}

// restart has every client begin again.
func (b *board) restart() {
	b.first += uint64(len(b.frames)) + 1
	b.frames, b.backlog = nil, 0
	b.announce()
}

func (b *board) announce() {
	close(b.appended)
	b.appended = make(chan struct{})
}

// after returns the next frames from a number on, and a channel that is closed at the next one if there are
// none. It is false for a client that is behind the oldest and has to begin again.
func (b *board) after(number uint64) (frames [][]byte, appended <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number < b.first {
		return nil, nil, false
	}
	frames = b.frames[number-b.first:]
	return slices.Clone(frames[:min(len(frames), framesAtOnce)]), b.appended, true
}

// snapshot is everything that a client begins with.
type snapshot struct {
	rows      []*known // by key
	items     []item
	now       current
	truncated int    // live records for which there is no room
	next      uint64 // number of the first frame after it
}

func (b *board) snapshot() snapshot {
	b.mu.Lock()
	s := snapshot{
		rows: make([]*known, 0, len(b.rows)), items: b.items, now: b.now, truncated: len(b.left),
		next: b.first + uint64(len(b.frames)),
	}
	for _, k := range b.rows {
		s.rows = append(s.rows, k)
	}
	b.mu.Unlock()
	slices.SortFunc(s.rows, func(x, y *known) int { return cmp.Compare(x.row.Key, y.row.Key) })
	return s
}

// get returns the row under a key.
func (b *board) get(key string) (row, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.rows[key]; k != nil {
		return k.row, true
	}
	return row{}, false
}

// event is an event of a stream. JSON has no line breaks.
func event(name string, data any) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, encode(data))
}

// encode returns a value of the package in JSON. All of them marshal.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("page: %v", err))
	}
	return text
}

// rowsEvent is an event with rows that are in JSON already, behind other members.
func rowsEvent(name, members string, rows [][]byte) []byte {
	frame := fmt.Appendf(nil, `event: %s`+"\n"+`data: {%s,"rows":[`, name, members)
	for i, text := range rows {
		if i > 0 {
			frame = append(frame, ',')
		}
		frame = append(frame, text...)
	}
	return append(frame, "]}\n\n"...)
}
