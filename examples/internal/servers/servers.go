// Package servers gives an example every store: the clients of all servers are linked in.
package servers

import (
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

// Stores parses the URL of any store; see package storeurl.
func Stores(url string) (program.Store, error) { return storeurl.Parse(url) }

// Main runs an example as [program.Command.Main] does, on any store.
func Main(command func(program.Stores) program.Command) {
	redis.SetLogger(&logging.VoidLogger{}) // failures come back as errors
	command(Stores).Main()
}
