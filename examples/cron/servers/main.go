// Command servers is examples/cron on any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/cron/schedule"
	"github.com/leasehold-go/leasehold/examples/internal/servers"
)

func main() { servers.Main(schedule.Command) }
