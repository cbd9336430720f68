package memstore

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// definition is a stored definition, with its end.
type definition struct {
	value    []byte
	deadline time.Time
}

// PutDefinition implements [store.Definer].
func (s *Store) PutDefinition(ctx context.Context, value []byte, ttl time.Duration) error {
	if err := store.CheckDefinition(value, ttl); err != nil {
		return err
	}
	id := store.DefinitionID(value)
	if err := s.enter(ctx, "put definition", id); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := time.Now()
	if d, there := s.definitions[id]; !there || d.deadline.Sub(now) <= ttl/2 {
		maps.DeleteFunc(s.definitions, func(_ string, d definition) bool { return !now.Before(d.deadline) })
		s.definitions[id] = definition{bytes.Clone(value), now.Add(ttl)}
	}
	return nil
}

// GetDefinition implements [store.Definer].
func (s *Store) GetDefinition(ctx context.Context, id string) ([]byte, error) {
	if err := store.CheckDefinitionID(id); err != nil {
		return nil, err
	}
	if err := s.enter(ctx, "get definition", id); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	d, there := s.definitions[id]
	if !there || !time.Now().Before(d.deadline) {
		return nil, fail("get definition", id, store.ErrNotFound)
	}
	return bytes.Clone(d.value), nil
}
