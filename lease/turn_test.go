package lease

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestTurnGoesToWritersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn writeTurn
		turn.take(t.Context())
		var order []int
		for i := range 10 {
			go func() {
				if turn.take(context.Background()) {
					order = append(order, i)
					turn.give()
				}
			}()
			synctest.Wait()
		}
		turn.give()
		synctest.Wait()
		for i, n := range order {
			if n != i {
				t.Fatalf("%v", order)
			}
		}
		if len(order) != 10 || turn.holder != heldByNobody || len(turn.waiting) != 0 {
			t.Errorf("%v, then %+v", order, turn.holder)
		}
	})
}

func TestWriterGivesItsWaitUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn writeTurn
		turn.take(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan bool, 1)
		go func() { results <- turn.take(ctx) }()
		synctest.Wait()
		cancel()
		if <-results || len(turn.waiting) != 0 {
			t.Error("a writer whose context ended has the turn or waits")
		}
		turn.give()
		if !turn.take(t.Context()) {
			t.Error("the turn is not free")
		}
	})
}

func TestHeartbeatNeverWaitsForTheTurn(t *testing.T) {
	var turn writeTurn
	turn.take(t.Context())
	if taken, late := turn.takeForHeartbeat(true); taken || late {
		t.Errorf("taken %v, late %v while a writer has the turn", taken, late)
	}
	turn.give()
	if taken, late := turn.takeForHeartbeat(true); !taken || late {
		t.Errorf("taken %v, late %v while nobody has the turn", taken, late)
	}
	if taken, late := turn.takeForHeartbeat(true); taken || !late {
		t.Errorf("taken %v, late %v while a heartbeat has the turn", taken, late)
	}
}

func TestRequestedTurnGoesToTheHeartbeatBeforeWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn writeTurn
		turn.take(t.Context())
		wrote := false
		go func() { wrote = turn.take(context.Background()) }()
		synctest.Wait()
		if turn.request() {
			t.Error("reserved while a writer has the turn")
		}
		if !turn.give() || wrote {
			t.Errorf("not reserved; a writer has it: %v", wrote)
		}
		if taken, _ := turn.takeForHeartbeat(true); !taken {
			t.Error("the heartbeat does not get the turn that is reserved for it")
		}
		if turn.give() {
			t.Error("reserved again")
		}
		if synctest.Wait(); !wrote {
			t.Error("the writer still waits")
		}
	})
}

func TestRequestOfAFreeTurnReservesIt(t *testing.T) {
	var turn writeTurn
	if !turn.request() || turn.request() {
		t.Error("want it reserved once")
	}
	if taken, _ := turn.takeForHeartbeat(true); !taken {
		t.Error("not taken")
	}
}
