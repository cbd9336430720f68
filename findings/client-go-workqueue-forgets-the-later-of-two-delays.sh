#!/usr/bin/env bash
# k8s.io/client-go v0.37.2 (util/workqueue), Go 1.26.
#
# Guess: AddAfter adds the item after the duration, as documented, so an item that is added after 1 s and after 3 s
#        is there twice: once for a retry, once to see whether a lease has run out. Draining waits for what is due.
# Seen:  only the sooner one comes. The later one is dropped, whichever was called first, and nothing looks at the
#        item at 3 s. After a plain Add, which is not a delay, both come. ShutDownWithDrain drops what is delayed. (There
#        is one place for each waiting item, and a later call may only bring it forward.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require k8s.io/client-go v0.37.2
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

func main() {
	cases := []struct {
		name string
		add  func(q workqueue.TypedDelayingInterface[string])
	}{
		{"AddAfter 1 s, 3 s", func(q workqueue.TypedDelayingInterface[string]) {
			q.AddAfter("job", time.Second)
			q.AddAfter("job", 3*time.Second)
		}},
		{"AddAfter 3 s, 1 s", func(q workqueue.TypedDelayingInterface[string]) {
			q.AddAfter("job", 3*time.Second)
			q.AddAfter("job", time.Second)
		}},
		{"Add, AddAfter 3 s", func(q workqueue.TypedDelayingInterface[string]) {
			q.Add("job")
			q.AddAfter("job", 3*time.Second)
		}},
		{"AddAfter 1 s, then ShutDownWithDrain", func(q workqueue.TypedDelayingInterface[string]) {
			q.AddAfter("job", time.Second)
			q.ShutDownWithDrain()
		}},
	}
	counts := make([]int, len(cases))
	var wait sync.WaitGroup
	for i, c := range cases {
		wait.Go(func() {
			q := workqueue.NewTypedDelayingQueue[string]()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					item, down := q.Get()
					if down {
						return
					}
					counts[i]++
					q.Done(item)
				}
			}()
			c.add(q)
			time.Sleep(8 * time.Second)
			q.ShutDown()
			<-done
		})
	}
	wait.Wait()
	for i, c := range cases {
		fmt.Printf("%s: %d times in 8 s\n", c.name, counts[i])
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 60 ./finding | tee seen
diff seen - <<'END'
AddAfter 1 s, 3 s: 1 times in 8 s
AddAfter 3 s, 1 s: 1 times in 8 s
Add, AddAfter 3 s: 2 times in 8 s
AddAfter 1 s, then ShutDownWithDrain: 0 times in 8 s
END
echo "as found: client-go v0.37.2"
