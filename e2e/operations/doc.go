// Package operations tests docs/operations.md: the rights on the page suffice, each right is
// needed, and the sizes agree with real servers. It has no code of its own.
package operations
