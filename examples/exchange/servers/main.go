// Command servers is examples/exchange on any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/exchange/connector"
	"github.com/leasehold-go/leasehold/examples/internal/servers"
)

func main() { servers.Main(connector.Command) }
