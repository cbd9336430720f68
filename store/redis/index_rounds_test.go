package redisstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
)

// The race detector finds two rounds at once. A full round comes at once, also while another
// is under way.
func TestRoundsOfHousekeepingDoNotOverlap(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), redistest.Start(t).Client())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for i := range houseItems {
			s.index.addLater("app:" + strconv.Itoa(i))
		}
	}
}
