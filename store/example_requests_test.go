package store_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A message for whoever holds a key, and the answer. Package registry makes transitions of it.
func ExampleRequester() {
	ctx := context.Background()
	var st store.Store = memstore.New()
	_, grant := created(st, "job:1", "host-a")
	mail, ok := st.(store.Requester)
	if !ok {
		panic("this store passes no requests")
	}

	var holder sync.WaitGroup
	defer holder.Wait()
	held, release := context.WithCancel(ctx)
	defer release()
	holder.Go(func() {
		for q, err := range mail.Requests(held, "job:1", grant.Token) {
			if err != nil {
				return // its context, or its lease, has ended
			}
			answer := store.Answer{ID: q.ID, Body: append([]byte("done: "), q.Body...), TTL: time.Minute, Final: true}
			_ = mail.Answer(ctx, "job:1", grant.Token, answer)
		}
	})

	q := store.Request{Key: "job:1", ID: "ops-1", Body: []byte("flush"), TTL: 30 * time.Second}
	answer, err := mail.Ask(ctx, q)
	fmt.Printf("%s %v\n", answer.Body, err)
	answer, err = mail.Ask(ctx, q) // the same id, so the same answer
	fmt.Printf("%s %v\n", answer.Body, err)
	q.Key, q.ID = "job:2", "ops-2"
	_, err = mail.Ask(ctx, q)
	fmt.Println(err)
	// Output:
	// done: flush <nil>
	// done: flush <nil>
	// ask "job:2": not found
}

// A bounded log under a key. It outlives the record.
func ExampleLogger() {
	ctx := context.Background()
	var st store.Store = memstore.New()
	_, grant := created(st, "job:1", "host-a")
	log, ok := st.(store.Logger)
	if !ok {
		panic("this store keeps no log")
	}
	last10 := store.LogLimits{Entries: 10, Age: time.Hour}
	err := log.AppendLog(ctx, "job:1", grant.Token, store.LogEntries{
		First: 1, Values: [][]byte{[]byte("began"), []byte("half")}, Limits: last10,
	})
	fmt.Println("append:", err)
	err = log.UpdateWith(ctx, // an entry together with a value
		store.Update{Key: "job:1", Token: grant.Token, Seq: 1, Value: []byte("host-a, done")},
		store.Addition{Log: store.LogEntries{First: 3, Values: [][]byte{[]byte("done")}, Limits: last10}})
	fmt.Println("update:", err)
	_ = st.Delete(ctx, "job:1", store.ByToken(grant.Token))

	for e, err := range log.ReadLog(ctx, "job:1", store.LogQuery{Backward: true, Limit: 2}) {
		fmt.Printf("%d %s %v\n", e.Number, e.Value, err)
	}
	half := store.LogPosition{Token: grant.Token, Number: 2}
	for e, err := range log.FollowLog(ctx, "job:1", half) { // as the log grows, until ctx ends
		fmt.Printf("%s after half: %t %v\n", e.Value, e.Compare(half) > 0, err)
		break
	}
	// Output:
	// append: <nil>
	// update: <nil>
	// 3 done <nil>
	// 2 half <nil>
	// done after half: true <nil>
}

// A definition of a state machine lies in the store under an id made of its content.
func ExampleDefinerOf() {
	ctx := context.Background()
	st := memstore.New()
	d, ok := store.DefinerOf(st)
	if !ok {
		panic("this store keeps no definitions")
	}
	definition := []byte(`{"states":[]}`)
	fmt.Println(store.CheckDefinition(definition, time.Hour), d.PutDefinition(ctx, definition, time.Hour))
	id := store.DefinitionID(definition)
	read, err := d.GetDefinition(ctx, id)
	fmt.Printf("%s %v %v\n", read, err, store.CheckDefinitionID(id))
	// Output:
	// <nil> <nil>
	// {"states":[]} <nil> <nil>
}

// Findings are what a backend's function Check, and the command "leasehold doctor", say of servers.
func ExampleFinding() {
	for _, f := range []store.Finding{
		{Check: "eviction", Level: store.LevelOK, Seen: "maxmemory-policy noeviction"},
		{Check: "persistence", Server: "10.0.0.7:6379", Level: store.LevelWarn, Seen: "appendonly no", Advice: "CONFIG SET appendonly yes"},
	} {
		if f.Level != store.LevelOK {
			fmt.Println(f.Level, f.Server, f.Check+":", f.Seen+"; do:", f.Advice)
		}
	}
	// Output: warn 10.0.0.7:6379 persistence: appendonly no; do: CONFIG SET appendonly yes
}
