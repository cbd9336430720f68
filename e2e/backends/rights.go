package backends

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// page returns docs/operations.md.
func page(t testing.TB) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/leasehold-go/leasehold").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// RedisRights returns the rights of the worker as docs/operations.md prints them, for
// ACL SETUSER.
func RedisRights(t testing.TB) []string { return RedisRightsOf(t, "worker") }

// RedisRightsOf returns the rights of a user of that page.
func RedisRightsOf(t testing.TB, user string) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ACL SETUSER ` + user + ` on >secret (.*)$`).FindStringSubmatch(strings.ReplaceAll(page(t), "\\\n", ""))
	if line == nil {
		t.Fatalf("docs/operations.md has no ACL SETUSER %s", user)
	}
	return strings.Fields(line[1])
}

// EtcdRight is a right of a role to all keys with a prefix.
type EtcdRight struct {
	Prefix string
	Type   clientv3.PermissionType
}

// EtcdRights returns the rights of the worker's role as docs/operations.md prints them.
func EtcdRights(t testing.TB) []EtcdRight { return EtcdRightsOf(t, "worker") }

// EtcdRightsOf returns the rights of a role of that page.
func EtcdRightsOf(t testing.TB, role string) (rights []EtcdRight) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^etcdctl role grant-permission `+role+` --prefix=true (\S+) (\S+)$`).FindAllStringSubmatch(page(t), -1) {
		kind, err := clientv3.StrToPermissionType(line[1])
		if err != nil {
			t.Fatal(err)
		}
		rights = append(rights, EtcdRight{line[2], clientv3.PermissionType(kind)})
	}
	if len(rights) == 0 {
		t.Fatalf("docs/operations.md has no etcdctl role grant-permission %s", role)
	}
	return rights
}
