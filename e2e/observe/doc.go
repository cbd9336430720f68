// Package observe tests the output of observers with real programs: Prometheus with the alerts and
// the dashboard of docs, and the library of a receiver of webhooks. It has no code of its own.
package observe
