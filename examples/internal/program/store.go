package program

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Store is a store that is not open yet.
type Store interface {
	// String returns the URL without its password.
	String() string

	// Open opens the store. The function that it returns closes it.
	Open(context.Context) (store.Store, func() error, error)
}

// Stores parses the URL of a store. Its errors quote no password. [Memory] is one; package servers
// has another, which brings the clients of all servers into a program.
type Stores func(url string) (Store, error)

// Memory knows the URL memory: alone.
func Memory(url string) (Store, error) {
	if url == "memory:" {
		return memory{}, nil
	}
	scheme, _, _ := strings.Cut(url, ":") // what follows may have a password
	return nil, fmt.Errorf("this program has the store memory: alone; the same in the folder servers has %s: and all others", scheme)
}

type memory struct{}

func (memory) String() string { return "memory:" }

func (memory) Open(context.Context) (store.Store, func() error, error) {
	st := memstore.New()
	return st, st.Close, nil
}

// StoreFlag adds the flag -store to flags. The function that it returns parses the URL, once flags
// is parsed: package flag itself would quote it in its errors, with the password.
func StoreFlag(flags *flag.FlagSet, stores Stores) func() (Store, error) {
	url := flags.String("store", "memory:", "`URL` of the store: memory:, or in the folder servers also redis://host:port/db, redis+sentinel://, redis+cluster:// and etcd://host:port,host:port")
	return func() (Store, error) {
		st, err := stores(*url)
		if err != nil {
			return nil, UsageErrorf("-store: %w", err)
		}
		return st, nil
	}
}
