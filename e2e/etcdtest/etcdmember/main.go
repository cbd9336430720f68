// Command etcdmember is one member of an etcd cluster, for tests. Package member has its
// configuration.
package main

import (
	"fmt"
	"os"

	"github.com/leasehold-go/leasehold/e2e/internal/member"
)

func main() {
	if err := member.Main(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "etcdmember:", err)
		os.Exit(1)
	}
}
