// Package command tests cmd/leasehold as people use it: in scripts, with real instances on Redis and
// etcd, and on a pseudo-terminal. It has no code of its own.
package command
