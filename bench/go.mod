module github.com/leasehold-go/leasehold/bench

go 1.26.0

require (
	github.com/felixgeelhaar/statekit v1.0.1
	github.com/leasehold-go/leasehold v0.0.0
	github.com/looplab/fsm v1.0.3
	github.com/qmuntal/stateless v1.7.2
	go.uber.org/goleak v1.3.0
)

replace github.com/leasehold-go/leasehold => ../
