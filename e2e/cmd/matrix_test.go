package cmd_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
)

// matrix runs the command and returns its exit code and what it prints.
func matrix(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(built.Program(t, "e2e/cmd/matrix"), args...)
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	cmd.Run() // the exit code says how it ended
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

func TestAMatrixWithACellThatFailsExitsWith1AndSaysWhy(t *testing.T) {
	full.Only(t)
	code, stdout, stderr := matrix(t, "-redis", "redis-server", "-redis", "/bin/false", "-redis", "/does/not/exist",
		"-only", "redis", "-run", "^TestRegistry$", "-markdown")
	if code != 1 || !strings.Contains(stdout, "| connection | client | Redis ") || !strings.Contains(stdout, "| pass, ") ||
		strings.Count(stdout, "FAIL (") != 2 || !strings.Contains(stdout, "false ended at once") ||
		!strings.Contains(stdout, "not run: ") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestAMatrixCellWithoutAResultInTimeFails(t *testing.T) {
	full.Only(t)
	code, stdout, stderr := matrix(t, "-redis", "redis-server", "-only", "redis", "-run", "^TestRegistry$", "-limit", "1ms")
	if code != 1 || !strings.Contains(stdout, "no result within 1ms") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestAMatrixNamesTheConnectionsThatThereAre(t *testing.T) {
	full.Only(t)
	code, _, stderr := matrix(t, "-only", "redis-9")
	if code != 1 || !strings.Contains(stderr, `there is no "redis-9"; there are redis, `) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
