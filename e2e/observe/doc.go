// Package observe tests what observers tell, with the real programs that hear it: Prometheus with
// the alerts and the dashboard of docs, and the library of a receiver of webhooks. It has no code of
// its own.
package observe
