package differential_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// A programme's records live for one of these. Both are whole seconds, and brief is
// what an etcd server grants.
const (
	brief = 2 * time.Second
	long  = time.Hour
)

const (
	// margin is how long a call may take for it to be certain what had expired.
	margin = brief / 10
	// slack is what a busy machine may add to the time after which a record goes.
	slack = time.Minute
	// lastly is the time left with which a record is about to go: no call is made
	// then.
	lastly = 2 * margin
)

// keys are those of a programme. The characters mean something in patterns.
var keys = []string{"a", "a*", "ab"}

// programme is a programme as it runs. Its methods are what it can do; each makes the
// same call on every side, unless a difference was found already.
type programme struct {
	*script
	sides   []*side
	steps   []step         // that were done
	limit   *time.Duration // of the next call
	mortal  bool           // some record may have expired, or may yet
	slowest time.Duration  // the longest of the calls
	foreign int            // values that another program put
	over    bool           // nothing more is done
	story   string         // the difference; empty while there is none
	kind    string         // what it is about, without what differs from run to run
}

// step is a call of a method of a programme, and how to make it on another.
type step struct {
	code string
	do   func(*programme)
}

var begun atomic.Int64 // programmes, each of which has a prefix of its own

func newProgramme(backends []*backend) *programme {
	p := &programme{script: &script{prefix: fmt.Sprintf("%d/", begun.Add(1)), claims: make(map[int]*claim)}}
	for _, b := range backends {
		p.sides = append(p.sides, &side{
			backend: b, script: p.script, tokens: make(map[int]store.Token), largest: make(map[string]store.Token),
		})
	}
	return p
}

// run is the programme of some steps, run to its end.
func run(backends []*backend, steps []step) *programme {
	p := newProgramme(backends)
	defer p.end()
	for _, one := range steps {
		one.do(p)
	}
	return p
}

// create is the create of claim n, be it the first time or again. The claims with odd
// numbers are made by one process, the others by another.
func (p *programme) create(n int, key string, ttl time.Duration) {
	p.note(func(p *programme) { p.create(n, key, ttl) }, "create(%d, %q, %s)", n, key, nameOf(ttl))
	p.claim(n, key)
	p.mortal = p.mortal || ttl == brief
	p.call(func(ctx context.Context, s *side) []said { return s.create(ctx, n, ttl) })
}

func nameOf(ttl time.Duration) string {
	return map[time.Duration]string{brief: "brief", long: "long", store.Forever: "store.Forever"}[ttl]
}

// renew renews terms, named by the numbers of their claims, in one batch.
func (p *programme) renew(batch ...write) {
	var words []string
	for _, w := range batch {
		words = append(words, fmt.Sprintf("write{%d, %d}", w.term, w.seq))
	}
	p.note(func(p *programme) { p.renew(batch...) }, "renew(%s)", strings.Join(words, ", "))
	var known []write
	for _, w := range batch {
		if p.claims[w.term] != nil {
			known = append(known, w)
		}
	}
	if len(known) > 0 {
		p.call(func(ctx context.Context, s *side) []said { return s.renew(ctx, known[0].term, known) })
	}
}

// update writes the value with a number in the term of claim n.
func (p *programme) update(n int, seq uint64) {
	p.note(func(p *programme) { p.update(n, seq) }, "update(%d, %d)", n, seq)
	if p.claims[n] != nil {
		p.call(func(ctx context.Context, s *side) []said { return s.update(ctx, write{n, seq}) })
	}
}

// delete ends the term of claim n.
func (p *programme) delete(n int) {
	p.note(func(p *programme) { p.delete(n) }, "delete(%d)", n)
	if p.claims[n] != nil {
		p.call(func(ctx context.Context, s *side) []said { return s.delete(ctx, n, store.ByToken(s.tokens[n])) })
	}
}

// deleteByNonce settles claim n, whose create may not have come yet.
func (p *programme) deleteByNonce(n int, key string) {
	p.note(func(p *programme) { p.deleteByNonce(n, key) }, "deleteByNonce(%d, %q)", n, key)
	nonce := p.claim(n, key).nonce
	p.call(func(ctx context.Context, s *side) []said { return s.delete(ctx, n, store.ByNonce(nonce)) })
}

func (p *programme) list(prefix string) {
	p.note(func(p *programme) { p.list(prefix) }, "list(%q)", prefix)
	p.call(func(ctx context.Context, s *side) []said { return s.list(ctx, prefix) })
}

// look compares what is under each key, by every way to read it, and what watches have
// told with what list yields. Of foreign values a watch need not hear at once.
func (p *programme) look() {
	p.note((*programme).look, "look()")
	p.call(func(ctx context.Context, s *side) []said { return s.look(ctx) })
	if !p.over && p.foreign == 0 && len(p.sides[0].views) > 0 {
		p.compare(p.ask(func(s *side) []said { return s.converge(context.Background()) }))
	}
}

// watch begins to watch. The watch goes on to the end of the programme.
func (p *programme) watch(prefix string) {
	p.note(func(p *programme) { p.watch(prefix) }, "watch(%q)", prefix)
	if p.over {
		return
	}
	for _, s := range p.sides {
		s.watch(prefix)
	}
}

// put has another program put a value.
func (p *programme) put(key string, ttl time.Duration) {
	p.note(func(p *programme) { p.put(key, ttl) }, "put(%q, %s)", key, nameOf(ttl))
	p.mortal = p.mortal || ttl == brief
	value := p.foreignValue()
	p.call(func(_ context.Context, s *side) []said {
		s.outsider.Put(s.prefix+key, value, ttl)
		return nil
	})
}

// overwrite has another program replace what is under a key and keep its expiry. What
// goes soon it leaves alone: in a group the expiry is that of the group.
func (p *programme) overwrite(key string) {
	p.note(func(p *programme) { p.overwrite(key) }, "overwrite(%q)", key)
	value := p.foreignValue()
	if p.calm(); !p.over && p.sides[0].left(key) > 2*brief {
		p.call(func(_ context.Context, s *side) []said {
			s.outsider.Overwrite(s.prefix+key, value)
			return nil
		})
	}
}

func (p *programme) foreignValue() []byte {
	p.foreign++
	return fmt.Appendf(nil, "foreign %d", p.foreign)
}

// remove has another program remove what is under a key.
func (p *programme) remove(key string) {
	p.note(func(p *programme) { p.remove(key) }, "remove(%q)", key)
	p.foreign++
	p.call(func(_ context.Context, s *side) []said {
		s.outsider.Delete(s.prefix + key)
		return nil
	})
}

// pass lets tenths of a brief ttl pass.
func (p *programme) pass(tenths int) {
	if p.note(func(p *programme) { p.pass(tenths) }, "pass(%d)", tenths); !p.over {
		time.Sleep(time.Duration(tenths) * brief / 10)
	}
}

// within limits the next call, which is then made again without a limit: a retry, as
// of one whose answer was lost.
func (p *programme) within(limit time.Duration) {
	p.note(func(p *programme) { p.within(limit) }, "within(%d * time.Microsecond)", limit.Microseconds())
	p.limit = &limit
}

// note keeps what is about to be done.
func (p *programme) note(do func(*programme), format string, args ...any) {
	if !p.over {
		p.steps = append(p.steps, step{fmt.Sprintf("p."+format, args...), do})
	}
}

// call makes a call on every side and compares the answers.
func (p *programme) call(on func(context.Context, *side) []said) {
	limit := p.limit
	p.limit = nil
	began := p.calm()
	if p.over {
		return
	}
	var first [][]said
	if limit != nil {
		first = p.ask(func(s *side) []said {
			ctx, cancel := context.WithTimeout(context.Background(), *limit)
			defer cancel()
			return on(ctx, s)
		})
	}
	answers := p.ask(func(s *side) []said { return on(context.Background(), s) })
	p.slowest = max(p.slowest, time.Since(began))
	if p.over = p.mortal && p.slowest > margin; p.over {
		return // the machine is too slow to say what had expired
	}
	p.compareCut(first, answers)
	p.compare(answers)
}

// ask asks every side at the same time.
func (p *programme) ask(question func(*side) []said) [][]said {
	answers := make([][]said, len(p.sides))
	var all sync.WaitGroup
	for i, s := range p.sides {
		all.Go(func() { answers[i] = question(s) })
	}
	all.Wait()
	return answers
}

// compareCut compares the answers of calls that were cut short with those of the
// retries: they are the same, or say that nothing happened or that it is in doubt.
func (p *programme) compareCut(first, again [][]said) {
	for i, answers := range first {
		for j, a := range answers {
			cut := strings.HasPrefix(a.words, store.ErrUnavailable.Error()) || strings.HasPrefix(a.words, store.ErrInDoubt.Error())
			if !cut && (j >= len(again[i]) || again[i][j].words != a.words) {
				p.differ("a retry", p.sides[i].name+", cut short,", answers, p.sides[i].name+", again,", again[i])
			}
		}
	}
}

// compare compares the answers of all sides with those of the first.
func (p *programme) compare(answers [][]said) {
	for i, s := range p.sides[1:] {
		if kind := p.unlike(s, answers[0], answers[i+1]); kind != "" {
			p.differ(kind, p.sides[0].name, answers[0], s.name, answers[i+1])
		}
	}
}

// unlike returns what differs, in words; empty if nothing does.
func (p *programme) unlike(s *side, want, got []said) string {
	if len(want) != len(got) {
		return "the number of answers"
	}
	for i, w := range want {
		g := got[i]
		switch {
		case g.words != w.words:
			return figures.ReplaceAllString(w.words+"; "+g.words, "")
		case (g.until - w.until).Abs() > max(w.until/8, margin, p.slowest):
			return "the time promised"
		case !p.agree(s, w.left, g.left):
			return "the time left"
		}
	}
	return ""
}

// figures are what is in the words of a difference by chance.
var figures = regexp.MustCompile(`\d+|"(\\"|[^"])*"`)

// agree reports whether two times left may be of one record. In a group it may have
// more, and less by as much as a renewal of the group serves later creates too.
func (p *programme) agree(s *side, want, got time.Duration) bool {
	if want == store.Forever || got == store.Forever {
		return want == got
	}
	precision := p.sides[0].caps.Precision + s.caps.Precision + max(margin, p.slowest)
	if s.caps.GroupExpiry {
		return got >= want-precision-want/8
	}
	return (got - want).Abs() <= precision
}

// differ ends the programme with a difference, unless it has one.
func (p *programme) differ(kind, one string, said []said, other string, contrary []said) {
	if p.over = true; p.story == "" {
		p.kind = fmt.Sprintf("%s and %s: %s", one, other, kind)
		p.story = fmt.Sprintf("%s says %v\n%s says %v", one, said, other, contrary)
	}
}

// String is the programme as an entry of the table of TestProgrammesThatDiffered, and
// the difference at its end.
func (p *programme) String() string {
	var code strings.Builder
	for _, one := range p.steps {
		fmt.Fprintf(&code, "\t\t\t%s\n", one.code)
	}
	return fmt.Sprintf("\n\t\t\"what differed\": func(p *programme) {\n%s\t\t},\n\n%s", &code, p.story)
}

// calm has no call made when a record may be gone on one side and not yet on another:
// it waits until those that are due are gone on all, and returns since when none is due.
func (p *programme) calm() time.Time {
	for {
		began := time.Now()
		if !p.mortal || p.over {
			return began
		}
		for _, key := range keys {
			if left := p.sides[0].left(key); left <= lastly {
				time.Sleep(left)
				p.compare(p.ask(func(s *side) []said { return s.awaitEnd(key) }))
			}
		}
		if time.Since(began) < margin {
			return began
		}
	}
}

// awaitEnd waits until a record is gone that is gone on the first side.
func (s *side) awaitEnd(key string) []said {
	limit := slack + s.caps.Precision
	if s.caps.GroupExpiry {
		limit += brief
	}
	for late := time.Now().Add(limit); time.Now().Before(late); time.Sleep(margin / 20) {
		if s.left(key) == 0 {
			return []said{{words: fmt.Sprintf("%q is gone", key)}}
		}
	}
	return []said{{words: fmt.Sprintf("%q is there though it is gone elsewhere", key)}}
}

// end stops the watches and removes what would stay.
func (p *programme) end() {
	for _, s := range p.sides {
		for _, v := range s.views {
			v.stop()
		}
		if s.outsider != nil && p.foreign > 0 {
			for _, key := range keys {
				s.outsider.Delete(s.prefix + key)
			}
		}
	}
}
