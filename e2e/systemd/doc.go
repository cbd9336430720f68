// Package systemd tests docs/service.md: a real systemd runs its unit, with examples/service on a
// real Redis. It has no code of its own.
package systemd
