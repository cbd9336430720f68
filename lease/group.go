package lease

import (
	"context"
	"sync"
)

// group counts goroutines or calls, so that Close can wait for them within its context and
// count the rest.
type group struct {
	mu    sync.Mutex
	n     int
	empty chan struct{} // closed when n becomes zero; nil unless somebody waits
}

func (g *group) add() {
	g.mu.Lock()
	g.n++
	g.mu.Unlock()
}

func (g *group) done() { g.doneWith(1) }

// doneWith counts so many out at once.
func (g *group) doneWith(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n -= n; g.n == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// start runs f on a goroutine and counts it.
func (g *group) start(f func()) {
	g.add()
	go func() {
		defer g.done()
		f()
	}()
}

// wait returns zero once the count is zero, or the count at the end of ctx.
func (g *group) wait(ctx context.Context) int {
	for {
		g.mu.Lock()
		n := g.n
		if n > 0 && g.empty == nil {
			g.empty = make(chan struct{})
		}
		empty := g.empty
		g.mu.Unlock()
		if n == 0 {
			return 0
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return n
		}
	}
}
