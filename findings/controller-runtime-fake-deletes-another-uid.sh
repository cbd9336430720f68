#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2 (its fake client), Go 1.26.
#
# Guess: Delete with Preconditions of the UID, by which a holder deletes its own Lease and no other of that name, is refused
#        when the Lease has another UID, as a Kubernetes API server does. Preconditions of the resourceVersion are.
# Seen:  it is done: the former holder deletes the next one's Lease. The fake client looks at the resourceVersion of the
#        preconditions alone. It gives objects no UID either; here the Leases are made with one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require sigs.k8s.io/controller-runtime v0.25.2
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func outcome(err error) string {
	if err != nil {
		return "refused"
	}
	return "done"
}

func lease(uid types.UID, holder string) *coordination.Lease {
	return &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leader", UID: uid},
		Spec:       coordination.LeaseSpec{HolderIdentity: &holder},
	}
}

func main() {
	ctx := context.Background()
	cluster := fake.NewClientBuilder().Build()
	first, second := lease("uid-1", "first"), lease("uid-2", "second")
	must(cluster.Create(ctx, first))
	must(cluster.Delete(ctx, lease("uid-1", "first")))
	must(cluster.Create(ctx, second))
	must(cluster.Get(ctx, client.ObjectKeyFromObject(second), second))
	fmt.Printf("the holder is %s, UID %s\n", *second.Spec.HolderIdentity, second.UID)
	version := "99"
	fmt.Printf("Delete with another resourceVersion: %s\n", outcome(cluster.Delete(ctx, first, client.Preconditions{ResourceVersion: &version})))
	fmt.Printf("Delete with the UID of the first one's: %s\n", outcome(cluster.Delete(ctx, first, client.Preconditions{UID: &first.UID})))
	fmt.Printf("Lease: %v\n", cluster.Get(ctx, client.ObjectKeyFromObject(second), second))
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'EOF'
the holder is second, UID uid-2
Delete with another resourceVersion: refused
Delete with the UID of the first one's: done
Lease: leases.coordination.k8s.io "leader" not found
EOF
echo "as found: controller-runtime v0.25.2"
