// Package fencing tests the fenced resources of docs/guarantees.md on a SQLite database, an S3
// server and a Redis stream. It has no code of its own, and is a module of its own because clients
// of databases and object stores are large.
package fencing
