// Package faults shows what the protocol that leasehold replaces got wrong, each
// fault first as the harm that it does and then as ours refuses it; and that both
// protocols can share a key while a fleet is upgraded. It has no code of its own.
package faults
