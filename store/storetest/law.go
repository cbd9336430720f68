package storetest

import (
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// law is a sentence of the contract, and the ways to break it that are tried.
type law struct {
	name  string // of the subtest
	text  string // what a failure quotes
	cases []lawcase
}

// lawcase is one way to break a law.
type lawcase struct {
	name  string
	run   func(*trial)
	needs []need
}

// need is something that not every fixture can do.
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
	outliving    = need{"Capabilities.TokensOutliveData", func(f Fixture) bool {
		return store.CapabilitiesOf(f.Store).TokensOutliveData
	}}
)

// split returns the cases for which a fixture will do, and the others in words.
func (l law) split(can Fixture) (cases []lawcase, without []string) {
next:
	for _, c := range l.cases {
		for _, n := range c.needs {
			if !n.met(can) {
				without = append(without, l.name+"/"+c.name+" needs "+n.name)
				continue next
			}
		}
		cases = append(cases, c)
	}
	return cases, without
}

func (l law) check(t *testing.T, h Harness, cases []lawcase) {
	var all []part
	for _, c := range cases {
		all = append(all, part{name: c.name, run: func(t *testing.T) {
			h.conclusively(t, func(t *testing.T, h Harness) {
				h.within(t, func(t *testing.T) { c.run(h.trial(t, l.text)) })
			})
		}})
	}
	h.run(t, all...)
}

// laws lists them all: the nine of the contract first, then what the doc comments
// of the verbs add. Each is in the file that its cases are in.
func laws() []law {
	return []law{
		exclusionLaw, tokenLaw, staleTokenLaw, mortalityLaw, expiryLaw,
		namesLaw, contextLaw, repetitionLaw, foreignLaw,
		heldLaw, untilLaw, seqLaw, batchLaw, deleteLaw, getLaw, listLaw,
		watchLaw, alertLaw, restartLaw, ownershipLaw, closingLaw,
	}
}
