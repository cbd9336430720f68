// Package faults shows the faults of the protocol that leasehold replaces: first the harm
// of each, then how leasehold refuses it. It also shows that both protocols can share a key
// while a fleet is upgraded. It has no code of its own.
package faults
