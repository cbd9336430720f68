package cmd_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
)

func TestMain(m *testing.M) { built.Main(m) }

// command is the program, whose data goes into a directory of the test's own.
func command(t *testing.T, args ...string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd = exec.Command(built.Program(t, "e2e/cmd/devservers"), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, dir
}

// urls starts the program and returns what it prints.
func urls(t *testing.T, cmd *exec.Cmd) (lines []string) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	for scanner := bufio.NewScanner(stdout); len(lines) < 2 && scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	if len(lines) != 2 {
		t.Fatalf("it prints %q", lines)
	}
	return lines
}

func TestItServesBothUntilAnInterrupt(t *testing.T) {
	full.Only(t)
	for name, sig := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, dir := command(t)
			lines := urls(t, cmd)
			addrs := []string{useRedis(t, lines[0]), useEtcd(t, lines[1])}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ends with %v", err)
			}
			wantGone(t, dir, addrs...)
		})
	}
}

// A program that is killed cannot clean up, but leaves no server behind.
func TestTheServersEndWithIt(t *testing.T) {
	full.Only(t)
	cmd, _ := command(t)
	lines := urls(t, cmd)
	addrs := []string{useRedis(t, lines[0]), useEtcd(t, lines[1])}
	cmd.Process.Kill()
	cmd.Wait()
	for _, addr := range addrs {
		for late := time.Now().Add(time.Minute); accepts(addr); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("%s still accepts connections", addr)
			}
		}
	}
}

// useRedis writes and reads at the URL, and returns the server's address.
func useRedis(t *testing.T, url string) string {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("redis has %q, %v", got, err)
	}
	return options.Addr
}

func useEtcd(t *testing.T, url string) string {
	t.Helper()
	addr, found := strings.CutPrefix(url, "etcd://")
	if !found {
		t.Fatalf("the second URL is %s", url)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{addr}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Put(t.Context(), "key", "value"); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "key"); err != nil || got.Count != 1 {
		t.Errorf("etcd has %v, %v", got, err)
	}
	return addr
}

func accepts(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// wantGone checks that nothing is left of servers.
func wantGone(t *testing.T, dir string, addrs ...string) {
	t.Helper()
	for _, addr := range addrs {
		if accepts(addr) {
			t.Errorf("%s still accepts connections", addr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestWhatIsMissingIsSaidInOneLine(t *testing.T) {
	full.Only(t)
	for name, c := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"redis-server": {nil, "PATH=", "devservers: redis-server not found: install the Debian package redis-server\n"},
		"sense":        {[]string{"-redis"}, "", "devservers: unexpected argument \"-redis\": it takes none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, dir := command(t, c.args...)
			cmd.Env = append(cmd.Env, c.env)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, io.MultiWriter(&stderr, t.Output())
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("it ends with %v", err)
			}
			if stdout.Len() > 0 || stderr.String() != c.want {
				t.Errorf("it prints %q and says %q", stdout.String(), stderr.String())
			}
			wantGone(t, dir)
		})
	}
}
