// Command exchange is one connector of one exchange, on a store in process memory, and a way to try
// leasehold by hand:
//
//	go run ./examples/exchange
//
// claims a key, reads sample trades until every symbol is warm, and keeps running. Package connector
// has the program. The same program in the folder servers runs on any store: two of them with
// -store redis://localhost:6379/0 compete for one key.
package main

import (
	"github.com/leasehold-go/leasehold/examples/exchange/connector"
	"github.com/leasehold-go/leasehold/examples/internal/program"
)

func main() { connector.Command(program.Memory).Main() }
