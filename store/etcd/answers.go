package etcdstore

import (
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// lingerFor is how long the watch of a key's answers stays open for the next Ask.
const lingerFor = 10 * time.Second

// answerWatches are the watches of answers, one for each key that calls of Ask wait for. A
// watch that begins in the past is up to a tenth of a second late, so it is open before the
// request is put.
type answerWatches struct {
	messages feed.Messages // to the names of answers

	mu    sync.Mutex
	byKey map[string]*answerWatch
}

// answerWatch is the watch of one key's answers.
type answerWatch struct {
	users   int
	lingers bool          // one of them is that of leave
	settled chan struct{} // closed once the first open has succeeded or failed
	stop    context.CancelFunc
}

// join returns once the watch of a key is open, or could not be opened at once: its readers look
// at the store when it is. The caller has to leave it.
func (s *Store) joinAnswers(ctx context.Context, key string) (*answerWatch, error) {
	all := &s.answerWatches
	all.mu.Lock()
	w := all.byKey[key]
	if w == nil {
		w = &answerWatch{settled: make(chan struct{})}
		var watching context.Context
		watching, w.stop = context.WithCancel(context.Background())
		if !s.tasks.start(func(life context.Context) {
			life, stop := context.WithCancel(life)
			defer stop()
			defer context.AfterFunc(watching, stop)()
			s.watchAnswers(life, key, w)
		}) {
			all.mu.Unlock()
			return nil, store.ErrClosed
		}
		all.byKey[key] = w
	}
	w.users++
	all.mu.Unlock()
	if err := await(ctx, w.settled); err != nil {
		s.leaveAnswers(key, w)
		return nil, err
	}
	return w, nil
}

// leaveAnswers ends the watch in a while, unless other calls use it then.
func (s *Store) leaveAnswers(key string, w *answerWatch) {
	all := &s.answerWatches
	all.mu.Lock()
	defer all.mu.Unlock()
	if w.lingers {
		w.users--
		return
	}
	w.lingers = true
	time.AfterFunc(lingerFor, func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		w.lingers = false
		if w.users--; w.users == 0 {
			delete(all.byKey, key)
			w.stop()
		}
	})
}

// watchAnswers watches the answers of a key until ctx ends.
func (s *Store) watchAnswers(ctx context.Context, key string, w *answerWatch) {
	settle := sync.OnceFunc(func() { close(w.settled) })
	defer settle()
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		f, err := s.follow(ctx, func(ctx context.Context) []clientv3.WatchChan {
			return []clientv3.WatchChan{s.client.Watch(ctx, mailOf(answers, key), clientv3.WithPrefix(), clientv3.WithFilterDelete(), clientv3.WithCreatedNotify())}
		})
		settle()
		if err == nil {
			s.answerWatches.messages.Missed()
			pause = firstPause
			for err == nil {
				var events []*clientv3.Event
				events, err = f.next(ctx, nil)
				for _, e := range events {
					s.answerWatches.messages.Send(string(e.Kv.Key), string(e.Kv.Value))
				}
			}
			f.close()
		}
		sleep(ctx, pause)
	}
}
