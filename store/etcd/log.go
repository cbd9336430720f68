package etcdstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	// logs is the prefix of the names of log entries. A name has the key's length, as that of a
	// mark has, then the token and the number.
	logs = store.Reserved + "l:"

	logPage       = 100         // entries that are read at once: of the longest, less than two mebibytes
	logBytes      = 64 << 10    // of entries in the transaction of an update
	logDenial     = time.Minute // for which updates carry no entries after a refusal
	trimmedAtOnce = 1000        // entries
)

func logOf(key string) string { return mailOf(logs, key) }

func entryOf(key string, p store.LogPosition) string {
	return fmt.Sprintf("%s%016x:%016x", logOf(key), uint64(p.Token), p.Number)
}

// logEntryOf reads an entry of the log of a key. A name or a value of another form is another
// program's.
func logEntryOf(key string, kv *mvccpb.KeyValue) (e store.LogEntry, ok bool) {
	token, number, _ := strings.Cut(strings.TrimPrefix(string(kv.Key), logOf(key)), ":")
	t, _ := strconv.ParseUint(token, 16, 64)
	n, _ := strconv.ParseUint(number, 16, 64)
	e = store.LogEntry{LogPosition: store.LogPosition{Token: store.Token(t), Number: n}, Value: kv.Value}
	return e, len(kv.Value) > 0 && string(kv.Key) == entryOf(key, e.LogPosition)
}

// entryPuts are entries that a guarded operation stores.
type entryPuts struct {
	ops   []clientv3.Op
	bytes int
}

func newEntryPuts(key string, token store.Token, e store.LogEntries, on clientv3.LeaseID) *entryPuts {
	p := new(entryPuts)
	for i, v := range e.Values {
		name := entryOf(key, store.LogPosition{Token: token, Number: e.First + uint64(i)})
		p.ops = append(p.ops, clientv3.OpPut(name, string(v), clientv3.WithLease(on)))
		p.bytes += weight(name, v)
	}
	return p
}

// AppendLog implements [store.Logger].
func (s *Store) AppendLog(ctx context.Context, key string, token store.Token, e store.LogEntries) error {
	w := store.Renewal{Key: key, Token: token}
	if err := cmp.Or(w.Check(), e.Check()); err != nil {
		return err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed("append log", key, reads, err)
	}
	defer leave()
	if err := s.awaitLate(ctx, key); err != nil {
		return failed("append log", key, reads, err)
	}
	if err := s.appendLog(ctx, w, e); err != nil {
		return err
	}
	if trims(e) {
		_ = s.trim(ctx, key, e.Limits.Entries) // the entries are stored; a later one has it done
	}
	return nil
}

// appendLog stores entries, in several transactions if they do not fit into one.
func (s *Store) appendLog(ctx context.Context, w store.Renewal, e store.LogEntries) error {
	for part := range slices.Chunk(e.Values, max(1, s.guarded()/2)) {
		some := e
		some.Values = part
		for tries := 1; ; tries++ {
			on, err := s.mailLease(ctx, e.Limits.Age)
			if err != nil {
				return failed("append log", w.Key, reads, err)
			}
			d := writeOf("append log", w)
			d.entries = newEntryPuts(w.Key, w.Token, some, on)
			if err = s.write(ctx, d); err == nil {
				break
			}
			if !isGone(err) || errors.Is(err, store.ErrLost) || tries == maxTries {
				return err
			}
			s.mailLeases.drop(on)
		}
		e.First += uint64(len(part))
	}
	return nil
}

// updateWithLog makes an update that carries entries. Entries that it cannot carry, or that the
// servers refuse, are appended after it, in the background.
func (s *Store) updateWithLog(ctx context.Context, u store.Update, with store.Addition) error {
	e := with.Log
	on := s.mailLeases.find(e.Limits.Age)
	var carried *entryPuts
	if on != 0 && s.lateLogs.of(u.Key) == nil && time.Since(time.Unix(0, s.logRefused.Load())) > logDenial {
		carried = newEntryPuts(u.Key, u.Token, e, on)
		if len(carried.ops) > s.guarded()/2 || carried.bytes > logBytes {
			carried = nil
		}
	}
	err := s.update(ctx, u, with.Answer, carried)
	if carried != nil && err != nil && errors.Is(err, store.ErrUnavailable) && (isGone(err) || isForbidden(err)) {
		if isGone(err) {
			s.mailLeases.drop(on)
		} else {
			s.logRefused.Store(time.Now().UnixNano())
		}
		carried = nil
		err = s.update(ctx, u, with.Answer, nil)
	}
	switch {
	case err != nil:
		return err
	case carried != nil && trims(e):
		s.tasks.start(func(ctx context.Context) { s.trim(ctx, u.Key, e.Limits.Entries) }) // if it fails, a later entry has it done
	case carried == nil:
		if err := s.appendLate(u.Key, u.Token, e); err != nil && e.Failed != nil {
			e.Failed(err)
		}
	}
	return nil
}

// trims reports whether the log is to be cut to its length: when it may be a tenth longer.
func trims(e store.LogEntries) bool {
	step := uint64(max(1, e.Limits.Entries/10))
	last := e.First + uint64(len(e.Values)) - 1
	return last/step != (e.First-1)/step
}

// trim deletes the oldest entries beyond a number.
func (s *Store) trim(ctx context.Context, key string, most int) error {
	prefix := logOf(key)
	for {
		found, _, err := s.query(ctx, clientv3.OpGet(prefix, clientv3.WithPrefix(), clientv3.WithCountOnly()))
		if err != nil {
			return failed("append log", key, reads, err)
		}
		extra := found[0].GetResponseRange().GetCount() - int64(most)
		if extra <= 0 {
			return nil
		}
		found, _, err = s.query(ctx, clientv3.OpGet(prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(min(extra, trimmedAtOnce))))
		if err != nil {
			return failed("append log", key, reads, err)
		}
		kvs := found[0].GetResponseRange().GetKvs()
		if len(kvs) == 0 {
			return nil
		}
		end := string(kvs[len(kvs)-1].Key) + "\x00"
		if _, _, err := s.try(ctx, nil, []clientv3.Op{clientv3.OpDelete(prefix, clientv3.WithRange(end))}, nil); err != nil {
			return failed("append log", key, reads, err)
		}
	}
}

// ReadLog implements [store.Logger]. It reads page by page.
func (s *Store) ReadLog(ctx context.Context, key string, query store.LogQuery) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		if err := store.CheckKey(key); err != nil {
			yield(store.LogEntry{}, err)
			return
		}
		inner, leave, err := s.tasks.enter(ctx)
		if err != nil {
			yield(store.LogEntry{}, failed("read log", key, reads, err))
			return
		}
		defer leave()
		if err := s.awaitLate(inner, key); err != nil {
			yield(store.LogEntry{}, failed("read log", key, reads, err))
			return
		}
		feed.ReadLog(query, logPage, func(page store.LogQuery) ([]store.LogEntry, error) {
			entries, _, err := s.readLog(inner, key, page)
			return entries, err
		})(yield)
	}
}

// readLog reads one page, and returns its revision. It skips keys of other programs, and reads on
// behind them.
func (s *Store) readLog(ctx context.Context, key string, query store.LogQuery) (page []store.LogEntry, revision int64, err error) {
	from, to := logOf(key), clientv3.GetPrefixRangeEnd(logOf(key))
	if query.After != (store.LogPosition{}) {
		from = entryOf(key, query.After) + "\x00"
	}
	if query.Before != (store.LogPosition{}) {
		to = entryOf(key, query.Before)
	}
	order := clientv3.SortAscend
	if query.Backward {
		order = clientv3.SortDescend
	}
	for from < to {
		left := query.Limit - len(page)
		var found []response
		if found, revision, err = s.query(ctx, clientv3.OpGet(from, clientv3.WithRange(to), clientv3.WithLimit(int64(left)), clientv3.WithSort(clientv3.SortByKey, order))); err != nil {
			return nil, 0, failed("read log", key, reads, err)
		}
		kvs := found[0].GetResponseRange().GetKvs()
		for _, kv := range kvs {
			if e, ok := logEntryOf(key, kv); ok {
				page = append(page, e)
			}
		}
		if len(kvs) < left || len(page) == query.Limit {
			break
		}
		if last := string(kvs[len(kvs)-1].Key); query.Backward {
			to = last
		} else {
			from = last + "\x00"
		}
	}
	return page, revision, nil
}

// FollowLog implements [store.Logger].
func (s *Store) FollowLog(ctx context.Context, key string, after store.LogPosition) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		if err := store.CheckKey(key); err != nil {
			yield(store.LogEntry{}, err)
			return
		}
		show := func(e store.LogEntry) error {
			if e.Compare(after) <= 0 {
				return nil
			}
			after = e.LogPosition
			if !yield(e, nil) {
				return errStop
			}
			return nil
		}
		var read int64
		err := s.readOn(ctx, "follow log", key, func(ctx context.Context) error { return s.followLog(ctx, key, &after, &read, show) })
		if err != errStop {
			yield(store.LogEntry{}, err)
		}
	}
}

// followLog shows the stored entries after a position, and then each new one, until it is time to
// read again. If the cluster has lost its data since revision read, its tokens begin again, and so
// does the log.
func (s *Store) followLog(ctx context.Context, key string, after *store.LogPosition, read *int64, show func(store.LogEntry) error) error {
	for {
		page, at, err := s.readLog(ctx, key, store.LogQuery{After: *after, Limit: logPage})
		if err != nil {
			return err
		}
		lost := at < *read
		if *read = at; lost {
			*after = store.LogPosition{}
			continue
		}
		for _, e := range page {
			if err := show(e); err != nil {
				return err
			}
		}
		if len(page) < logPage {
			break
		}
	}
	f, err := s.follow(ctx, func(ctx context.Context) []clientv3.WatchChan {
		return []clientv3.WatchChan{s.client.Watch(ctx, logOf(key), clientv3.WithPrefix(), clientv3.WithRev(*read+1), clientv3.WithFilterDelete(), clientv3.WithCreatedNotify())}
	})
	if err != nil {
		return failed("follow log", key, reads, err)
	}
	defer f.close()
	return f.each(ctx, "follow log", key, func(event *clientv3.Event) (more bool, err error) {
		if e, ok := logEntryOf(key, event.Kv); ok {
			err = show(e)
		}
		return true, err
	})
}
