package etcdstore

import (
	"context"
	"maps"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"
)

func TestACallAsksForALeaderAndKeepsItsMetadata(t *testing.T) {
	tasks := newTasks()
	defer tasks.close()
	with := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("mine", "1"))
	for name, want := range map[string]struct {
		ctx context.Context
		md  metadata.MD
	}{
		"without metadata": {t.Context(), metadata.MD{"hasleader": {"true"}}},
		"with metadata":    {with, metadata.MD{"hasleader": {"true"}, "mine": {"1"}}},
		"without again":    {t.Context(), metadata.MD{"hasleader": {"true"}}},
	} {
		ctx, leave, err := tasks.enter(want.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if md, _ := metadata.FromOutgoingContext(ctx); !maps.EqualFunc(md, want.md, slices.Equal) {
			t.Errorf("%s: %v, want %v", name, md, want.md)
		}
		leave()
	}
}
