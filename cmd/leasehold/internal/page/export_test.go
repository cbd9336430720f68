package page

const (
	MaxStreamsOfOne     = maxStreamsOfOne
	MaxConnectionsOfOne = maxConnectionsOfOne
)
