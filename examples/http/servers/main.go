// Command servers is examples/http on any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/http/service"
	"github.com/leasehold-go/leasehold/examples/internal/servers"
)

func main() { servers.Main(service.Command) }
