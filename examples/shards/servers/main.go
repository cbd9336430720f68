// Command servers is examples/shards on any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/internal/servers"
	"github.com/leasehold-go/leasehold/examples/shards/member"
)

func main() { servers.Main(member.Command) }
