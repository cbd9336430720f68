// Command servers is examples/leader on any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/internal/servers"
	"github.com/leasehold-go/leasehold/examples/leader/candidate"
)

func main() { servers.Main(candidate.Command) }
