package redisstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Delete implements [store.Store]. A nonce is remembered as ended for a day, and
// as long as fewer than sixteen later ones of its key have ended.
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := ref.Check(); err != nil {
		return err
	}
	return s.delete(ctx, key, ref)
}

func (s *Store) delete(ctx context.Context, key string, ref store.LeaseRef) error {
	var token, nonce any = "", ""
	if ref.Token != 0 {
		token = uint64(ref.Token)
	} else {
		nonce = ref.Nonce.String()
	}
	cmd := newCommand(ctx, deleteScript, s.layout.of(key), token, nonce, s.layout.changes, s.layout.deletes)
	if err := s.send(ctx, cmd); err != nil {
		return failed("delete", key, writes, err)
	}
	_, err := number("delete", key, cmd)
	return err
}
