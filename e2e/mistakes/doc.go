// Package mistakes makes the mistakes of a user on real servers, and holds the section "Held wrong" of
// docs/operations.md to what the library says to each. It has no code of its own.
package mistakes
