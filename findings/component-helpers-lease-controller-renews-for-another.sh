#!/usr/bin/env bash
# k8s.io/component-helpers v0.37.2 (its apimachinery/lease) with the fake clientset of k8s.io/client-go v0.37.2, Go 1.26.
#
# Guess: a lease controller keeps the Lease under its own holder identity. A Lease that another identity holds it
#        leaves alone, or takes once that one's time is over.
# Seen:  the identity is written only when the Lease is created. A controller that finds a Lease renews it whoever
#        holds it, at once, and leaves the other's identity in it: a holder that is gone goes on as alive, and the one at
#        work is never named. Stop of a controller deletes the Lease, also one that is another's.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	k8s.io/component-helpers v0.37.2
	k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

func main() {
	client := fake.NewSimpleClientset()
	controller := func(identity string) lease.Controller {
		return lease.NewController(clock.RealClock{}, client, identity, 2, nil, 500*time.Millisecond, "work", "default", nil)
	}
	show := func(when string) {
		l, err := client.CoordinationV1().Leases("default").Get(context.Background(), "work", metav1.GetOptions{})
		if err != nil {
			fmt.Println(when+":", "no Lease")
			return
		}
		fresh := time.Since(l.Spec.RenewTime.Time) < 1500*time.Millisecond
		fmt.Printf("%s: holder %s, renewed just now: %v\n", when, *l.Spec.HolderIdentity, fresh)
	}
	first, crash := context.WithCancel(context.Background())
	a, b := controller("a"), controller("b")
	go a.Run(first)
	time.Sleep(2 * time.Second)
	show("a at work")
	crash()
	time.Sleep(6 * time.Second)
	show("a gone for three times its duration")
	second, end := context.WithCancel(context.Background())
	defer end()
	go b.Run(second)
	time.Sleep(4 * time.Second)
	show("b at work")
	a.Stop()
	show("Stop of a")
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
a at work: holder a, renewed just now: true
a gone for three times its duration: holder a, renewed just now: false
b at work: holder a, renewed just now: true
Stop of a: no Lease
END
echo "as found: component-helpers v0.37.2"
