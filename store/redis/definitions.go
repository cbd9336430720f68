package redisstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// PutDefinition implements [store.Definer]. No command of it needs another to be atomic with it:
// the value is the only one that the name can have.
func (s *Store) PutDefinition(ctx context.Context, value []byte, ttl time.Duration) error {
	if err := store.CheckDefinition(value, ttl); err != nil {
		return err
	}
	const op = "put definition"
	id := store.DefinitionID(value)
	name := s.layout.definition(id)
	_, err := s.definition(ctx, op, id)
	if errors.Is(err, store.ErrNotFound) {
		_, err = s.command(ctx, newCommand(len(value), "set", name, value, "nx", "px", ttl.Milliseconds()))
		if err == nil {
			return nil
		}
		if !isNil(err) {
			return failed(op, id, writes, err)
		}
		// Another process has put it there meanwhile, or it is an empty string.
		if _, err = s.definition(ctx, op, id); errors.Is(err, store.ErrNotFound) {
			err = foreignDefinition(name)
		}
	}
	if err != nil {
		return err
	}
	left, err := s.command(ctx, newCommand(maxRefusal, "pttl", name))
	if err != nil {
		return failed(op, id, reads, err)
	}
	if ms, ok := left.(int64); !ok {
		return failed(op, id, reads, odd(left))
	} else if ms > ttl.Milliseconds()/2 {
		return nil
	}
	extended, err := s.command(ctx, newCommand(maxRefusal, "pexpire", name, ttl.Milliseconds()))
	if err != nil {
		return failed(op, id, writes, err)
	}
	if extended != int64(1) {
		return failed(op, id, reads, errors.New("it went while it was to be extended"))
	}
	return nil
}

// GetDefinition implements [store.Definer].
func (s *Store) GetDefinition(ctx context.Context, id string) ([]byte, error) {
	if err := store.CheckDefinitionID(id); err != nil {
		return nil, err
	}
	return s.definition(ctx, "get definition", id)
}

// definition reads a definition, and no more of a longer value than tells that it is foreign.
func (s *Store) definition(ctx context.Context, op, id string) ([]byte, error) {
	name := s.layout.definition(id)
	reply, err := s.command(ctx, newCommand(store.MaxDefinition+1, "getrange", name, 0, store.MaxDefinition))
	if err != nil && !strings.Contains(err.Error(), "WRONGTYPE") {
		return nil, failed(op, id, reads, err)
	}
	value, ok := reply.(string)
	switch {
	case err == nil && !ok:
		return nil, failed(op, id, reads, odd(reply))
	case err == nil && value == "":
		return nil, &store.Error{Op: op, Key: id, Condition: store.ErrNotFound}
	case err != nil || store.DefinitionID([]byte(value)) != id:
		return nil, foreignDefinition(name)
	}
	return []byte(value), nil
}

// foreignDefinition is the error of a value that is not a definition; its time left is not read.
func foreignDefinition(name string) error {
	return &store.ForeignError{Record: store.Record{Key: name, Left: store.Forever}}
}

// command sends a call that is a command, and returns the reply.
func (s *Store) command(ctx context.Context, c *call) (any, error) {
	s.transport.do(ctx, c)
	return c.reply()
}
