package redistest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRestart(t *testing.T) {
	for name, c := range map[string]struct {
		restart func(*redistest.Server)
		want    int64
	}{
		"with its data":    {(*redistest.Server).Restart, 1},
		"without its data": {(*redistest.Server).RestartEmpty, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			client := server.Client()
			if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
				t.Fatal(err)
			}
			addr := server.Addr()
			c.restart(server)
			if got, err := client.Exists(t.Context(), "key").Result(); err != nil || got != c.want {
				t.Errorf("after restart: %d keys, %v; want %d", got, err, c.want)
			}
			if server.Addr() != addr {
				t.Errorf("address %s became %s", addr, server.Addr())
			}
		})
	}
}

func TestStopTwice(t *testing.T) {
	server := redistest.Start(t)
	server.Stop()
	server.Stop()
	if err := server.Client().Ping(t.Context()).Err(); err == nil {
		t.Error("a stopped server answers")
	}
}

func TestPauseAndResume(t *testing.T) {
	server := redistest.Start(t)
	server.Pause()
	server.Resume()
	if err := server.Client().Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}
