// Package operations holds docs/operations.md to what it says: its rights suffice and each
// is needed, and its sizes are those of real servers. It has no code of its own.
package operations
