package fsm

import "time"

// Snapshot is a machine at one moment. Its JSON is the value that a machine with a writer
// stores, unless the definition or the writer makes another. [DecodeSnapshot] reads it
// without a definition, and [Restore] makes a machine of it again.
type Snapshot[S comparable] struct {
	// Version is the version of this format, 1. (0 stands in snapshots from before there
	// were versions; their format is the same.)
	Version int `json:"version"`
	// Table is the definition's [Definition.Fingerprint].
	Table string `json:"table,omitempty"`
	State S      `json:"state"`
	// Since is when the state was entered: the At of the last transition that was not one
	// of [Self], or when the machine was made.
	Since time.Time `json:"since"`
	// Number counts all committed transitions, including those no longer kept.
	Number uint64 `json:"number"`
	// Unstarted reports that the machine has not entered its initial state yet: see
	// [WithManualStart].
	Unstarted bool `json:"unstarted,omitempty"`
	// History is that of [Machine.History].
	History []Transition[S] `json:"history,omitempty"`
	// Timeouts are the timeouts that run.
	Timeouts []PendingTimeout[S] `json:"timeouts,omitempty"`
	// HistoryStates has one element for each parent that has a history state and was left.
	HistoryStates []HistoryState[S] `json:"memory,omitempty"`
}

// PendingTimeout is a [Timeout] that runs.
type PendingTimeout[S comparable] struct {
	State S         `json:"state"` // the state that it is a timeout of: the present one or one around it
	To    S         `json:"to"`
	Due   time.Time `json:"due"`
}

// HistoryState determines where the history states of a parent lead: to Last itself, or to the
// child of Parent around it.
type HistoryState[S comparable] struct {
	Parent S `json:"state"`
	Last   S `json:"last"` // the leaf that was active when Parent was last left
}

// snapshotVersion is the version of the format of snapshots.
const snapshotVersion = 1
