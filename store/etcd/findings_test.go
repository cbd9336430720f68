package etcdstore

import (
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/leasehold-go/leasehold/store"
)

func TestAClusterWithoutCompactionIsWarnedOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		revision int64
		err      error
		want     store.Level
	}{
		{10, nil, store.LevelOK},
		{10, rpctypes.ErrPermissionDenied, store.LevelOK},
		{manyRevisions, nil, store.LevelWarn},
		{manyRevisions, rpctypes.ErrCompacted, store.LevelOK},
		{manyRevisions, errors.New("any"), store.LevelUnknown},
	} {
		if f := compactionFinding(c.revision, c.err); f.Level != c.want || (f.Level == store.LevelOK) != (f.Advice == "") {
			t.Errorf("revision %d, %v: %+v", c.revision, c.err, f)
		}
	}
}
