module github.com/leasehold-go/leasehold/e2e

go 1.26.0

require (
	github.com/leasehold-go/leasehold v0.0.0
	go.uber.org/goleak v1.3.0
)

require pgregory.net/rapid v1.3.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/redis/go-redis/v9 v9.23.0
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

replace github.com/leasehold-go/leasehold => ../
