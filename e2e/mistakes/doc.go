// Package mistakes makes the mistakes of a user on real servers, and compares the section "Held
// wrong" of docs/operations.md with the library's answer to each. It has no code of its own.
package mistakes
