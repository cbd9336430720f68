package registry

import (
	"errors"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// slowInstance is an instance whose first answer to its health takes until answer is closed.
type slowInstance struct {
	*Instance[string, struct{}]
	asked, answer chan struct{}
	applied       []error
}

func (s *slowInstance) busy() (string, time.Time) {
	select {
	case s.asked <- struct{}{}:
		<-s.answer
	default:
	}
	return s.Instance.busy()
}

func (s *slowInstance) setHealth(err error) {
	s.applied = append(s.applied, err)
	s.Instance.setHealth(err)
}

// Of concurrent calls, the last one decides whether the lease is renewed.
func TestOlderHealthReplacesNoNewerOne(t *testing.T) {
	st := memstore.New()
	defer st.Close()
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(t.Context())
	i, err := Register(t.Context(), k, fsm.MustDefine("idle", fsm.Table[string]{"idle": nil}), Config[string, struct{}]{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	s := &slowInstance{Instance: i, asked: make(chan struct{}), answer: make(chan struct{})}
	h := &Health[string]{Gate: true}
	h.enter(HealthHeld, "k", s)
	first, second := make(chan struct{}), make(chan struct{})
	go func() { h.Report(errors.New("queue stuck")); close(first) }()
	<-s.asked
	go func() { h.Report(nil); close(second) }()
	select {
	case <-second:
	case <-time.After(100 * time.Millisecond): // it waits
	}
	close(s.answer)
	<-first
	<-second
	if n := len(s.applied); n != 2 || s.applied[1] != nil {
		t.Errorf("applied %v", s.applied)
	}
}
