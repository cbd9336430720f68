package locks

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// member is the program of the etcd member. It is built in the workspace (go.work) and run
// as a process, so that this module neither requires nor links the server.
const member = "github.com/leasehold-go/leasehold/e2e/etcdtest/etcdmember"

// servers are one Redis server, and one etcd member if a case needs it.
type servers struct {
	dir    string
	redis  *redistest.Instance
	etcd   *etcdtest.Instances
	client *redis.Client // observes the Redis server, and is no contender's
}

func startServers(ctx context.Context, dir string, etcd bool) (_ *servers, err error) {
	s := &servers{dir: dir}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.redis, err = redistest.Run(filepath.Join(dir, "redis")); err != nil {
		return nil, err
	}
	s.client = redis.NewClient(&redis.Options{Addr: s.redis.Addr()})
	if !etcd {
		return s, nil
	}
	program := filepath.Join(dir, "etcdmember")
	if text, err := exec.CommandContext(ctx, "go", "run", "-exec", "cp", member, program).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build of %s: %w: %s", member, err, text)
	}
	s.etcd, err = etcdtest.Run(filepath.Join(dir, "etcd"), []string{program}, etcdtest.Settings{})
	return s, err
}

func (s *servers) stop() {
	if s.client != nil {
		s.client.Close()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.etcd != nil {
		s.etcd.Stop()
	}
}

// flush empties the Redis server after a case or a round that leaves records behind.
func (s *servers) flush() error {
	return s.client.FlushAll(context.Background()).Err()
}

// redisCPU returns the CPU time that the process of a Redis server has used.
func redisCPU(client *redis.Client) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		info, err := client.Info(ctx, "cpu").Result()
		if err != nil {
			return 0, err
		}
		return parseCPU(info)
	}
}

// parseCPU adds the system and the user time in the section cpu of INFO.
func parseCPU(info string) (time.Duration, error) {
	var sum time.Duration
	found := 0
	for name, value := range infoLines(info) {
		if name != "used_cpu_sys" && name != "used_cpu_user" {
			continue
		}
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("INFO cpu: %s: %w", name, err)
		}
		sum += time.Duration(seconds * float64(time.Second))
		found++
	}
	if found != 2 {
		return 0, fmt.Errorf("INFO cpu has %d of the 2 lines used_cpu_sys and used_cpu_user: %q", found, info)
	}
	return sum, nil
}

// parseCalls adds the calls in the section commandstats of INFO, in scripts too,
// without the commands given.
func parseCalls(info string, without ...string) (int, error) {
	sum := 0
lines:
	for name, value := range infoLines(info) {
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok {
			continue
		}
		for _, other := range without {
			if command == other {
				continue lines
			}
		}
		text, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		calls, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("INFO commandstats: %s: %w", command, err)
		}
		sum += calls
	}
	return sum, nil
}

func infoLines(info string) map[string]string {
	all := make(map[string]string)
	for lines := bufio.NewScanner(strings.NewReader(info)); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":"); ok {
			all[name] = value
		}
	}
	return all
}
