package storetest

import (
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// law is one rule of the contract with the cases that try to break it.
type law struct {
	name  string // name of the subtest
	text  string // printed by a failure
	cases []lawcase
}

// lawcase is one attempt to break a law.
type lawcase struct {
	name  string
	needs []need
	run   func(*trial)
}

// need is a capability that some fixtures lack.
type need struct {
	name string
	met  func(Fixture) bool
}

var (
	outsider     = need{"Outsider", func(f Fixture) bool { return f.Outsider != nil }}
	overwrite    = need{"Outsider.Overwrite", func(f Fixture) bool { return f.Outsider != nil && f.Outsider.Overwrite != nil }}
	putOther     = need{"Outsider.PutOther", func(f Fixture) bool { return f.Outsider != nil && f.Outsider.PutOther != nil }}
	restart      = need{"Restart", func(f Fixture) bool { return f.Restart != nil }}
	restartEmpty = need{"RestartEmpty", func(f Fixture) bool { return f.RestartEmpty != nil }}
	pause        = need{"Pause and Resume", func(f Fixture) bool { return f.Pause != nil && f.Resume != nil }}
	cut          = need{"Cut", func(f Fixture) bool { return f.Cut != nil }}
	closer       = need{"Store.Close", func(f Fixture) bool { return closerOf(f.Store) != nil }}
	deletions    = need{"Store.Deletions", func(f Fixture) bool { _, ok := f.Store.(store.DeleteNotifier); return ok }}
	successor    = need{"Store.CreateNext", func(f Fixture) bool { _, ok := f.Store.(store.Successor); return ok }}
	outliving    = need{"Capabilities.TokensOutliveData", func(f Fixture) bool {
		return store.CapabilitiesOf(f.Store).TokensOutliveData
	}}
)

// laws lists every law: first the nine of package store's documentation, then the
// rules of its doc comments. A law stands in the file of its cases.
var laws = []law{
	exclusionLaw, tokenLaw, staleTokenLaw, ttlLaw, expiryLaw,
	namesLaw, contextLaw, repetitionLaw, foreignLaw,
	heldLaw, untilLaw, seqLaw, batchLaw, deleteLaw, getLaw, listLaw,
	watchLaw, watchKeyLaw, requestLaw, logLaw, definitionLaw, deletionLaw, successorLaw, restartLaw, ownershipLaw, closeLaw,
}

// check runs the given cases of the law, each as a subtest.
func (l law) check(t *testing.T, h Harness, cases []lawcase) {
	var all []subtest
	for _, c := range cases {
		all = append(all, subtest{name: c.name, run: func(t *testing.T) {
			h.untilConclusive(t, func(t *testing.T, h Harness) {
				h.inBubble(t, func(t *testing.T) { c.run(h.trial(t, l.text)) })
			})
		}})
	}
	h.run(t, all...)
}
