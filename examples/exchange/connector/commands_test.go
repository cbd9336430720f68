package connector

import (
	"errors"
	"io"
	"log"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/internal/full"
)

// cold keeps a connector warming, the state with the most edges.
var cold = []string{"-warm", "1000000"}

// eachWay runs a test with the program in this process, and as a process.
func eachWay(t *testing.T, test func(t *testing.T, start launch)) {
	t.Run("goroutine", func(t *testing.T) { test(t, goroutine) })
	t.Run("process", func(t *testing.T) { test(t, process) })
}

func TestDefaultFlagsBecomeActiveAndKeepRunning(t *testing.T) {
	full.Only(t)
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t)
		s.next("registered", "key", "exchange:1:status", "state", "idle")
		s.next("transition", "from", "idle", "to", "starting")
		s.next("transition", "from", "starting", "to", "warming")
		s.next("transition", "from", "warming", "to", "active")
		s.send("status")
		if r := s.next("status").record(t); r.text("connectionState") != "active" || r.text("symbolCount") != "5" {
			t.Errorf("record is %v", r)
		}
		s.stop()
		s.next("transition", "from", "active", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered")
		s.wantExit(program.ExitOK)
		s.wantError("start, stop, status, to STATE, error TEXT, symbols N, quit")
	})
}

func TestStopEndsTheInstanceAndStartMakesANewOne(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		first := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.send("stop")
		s.next("transition", "from", "warming", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered", "token", first.text("token"))
		s.send("status")
		s.next("status", "record", "<nil>")
		s.send("start")
		second := s.next("registered")
		if second.token(t) <= first.token(t) || second.text("instance") == first.text("instance") {
			t.Errorf("the second instance is %v, after %v", second, first)
		}
		s.expect("transition", "to", "warming")
		s.send("quit")
		s.expect("deregistered")
		s.wantExit(program.ExitOK)
	})
}

func TestInvalidTransitionsAreRejectedAndChangeNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		s.expect("transition", "to", "warming")
		s.send("status")
		before := s.next("status").record(t)
		for _, state := range []string{"idle2", "stopped", "warming", "starting", "Active"} {
			s.send("to " + state)
			s.next("rejected", "from", "warming", "to", state, "allowed", "[active stopping idle]")
		}
		s.send("status")
		after := s.next("status").record(t)
		for _, field := range []string{"connectionState", "lastStateChange"} {
			if before.text(field) != after.text(field) {
				t.Errorf("%s was %v and is %v", field, before[field], after[field])
			}
		}
	})
}

func TestEveryTransitionIsRejectedBeforeTheClaim(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, "-autostart=false")
		for _, state := range []string{"starting", "active", "nowhere"} {
			s.send("to " + state)
			s.next("rejected", "from", "idle", "to", state, "allowed", "[]")
		}
		s.send("status")
		s.next("status", "record", "<nil>")
		for _, command := range []string{"stop", "error x", "symbols 3"} {
			s.send(command)
			s.next("error", "error", errNothingClaimed.Error())
		}
		s.stop()
		s.wantExit(program.ExitOK)
	})
}

func TestEveryBadCommandWritesAnError(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		token := s.expect("registered").text("token")
		s.expect("transition", "to", "warming")
		for command, want := range map[string]string{
			"dance":      "unknown command",
			"START":      "unknown command",
			"to":         "to needs a state",
			"error":      "error needs a text",
			"symbols":    "symbols needs a number",
			"symbols -1": "symbols needs a number",
			"symbols 1x": "symbols needs a number",
		} {
			s.send(command)
			if l := s.next("error", "token", token); !strings.HasPrefix(l.text("error"), want) {
				t.Errorf("%q writes %v", command, l)
			}
		}
		s.send("") // no output
		s.send("start")
		s.next("rejected", "from", "warming", "to", "starting")
		s.send("quit")
		s.wantExit(program.ExitOK)
		s.wantError(`unknown command "dance"`, commands)
	})
}

func TestErrorAndSymbolsArePublished(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		registered := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.send("error the cable is loose")
		s.next("error", "token", registered.text("token"), "error", "the cable is loose")
		s.send("symbols 42")
		s.send("  status  ")
		r := s.next("status").record(t)
		if r.text("lastError") != "the cable is loose" || r.text("symbolCount") != "42" || r["lastErrorAt"] == nil {
			t.Errorf("record is %v", r)
		}
	})
}

func TestOperatorCanMakeEveryTransition(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		first := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.send("to idle")
		s.next("transition", "from", "warming", "to", "idle")
		s.send("start") // continues with the same instance
		s.next("transition", "from", "idle", "to", "starting")
		s.next("transition", "from", "starting", "to", "warming")
		s.send("to active")
		s.next("transition", "from", "warming", "to", "active", "token", first.text("token"))
		s.send("to stopping")
		s.next("transition", "from", "active", "to", "stopping")
		s.send("status")
		if r := s.next("status").record(t); r.text("connectionState") != "stopping" {
			t.Errorf("record is %v", r)
		}
		s.send("to stopped")
		s.next("transition", "from", "stopping", "to", "stopped", "token", first.text("token"))
		s.send("to idle")
		s.next("transition", "from", "stopped", "to", "idle")
		s.send("start")
		s.next("transition", "from", "idle", "to", "starting", "token", first.text("token"))
	})
}

func TestProgramContinuesAfterEndOfInput(t *testing.T) {
	full.Only(t)
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, "-heartbeat", "300ms", "-warm", "1")
		s.stdin.Close()
		s.expect("transition", "to", "active")
		s.expect("heartbeat")
		s.expect("heartbeat")
		s.stop()
		s.expect("deregistered")
		s.wantExit(program.ExitOK)
	})
}

func TestForStopsTheProgram(t *testing.T) {
	full.Only(t)
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, append(cold, "-for", "3s")...)
		s.expect("transition", "to", "stopped")
		s.expect("deregistered")
		s.wantExit(program.ExitOK)
	})
}

func TestBadFeedLinesAreCountedRecordedAndSkipped(t *testing.T) {
	path := writeFeed(t, goodLine, "{", goodLine, `{"symbol":"","price":1,"time":"2026-11-20T09:30:00Z"}`)
	s := goroutine(t, "-feed", path, "-warm", "3")
	s.expect("transition", "to", "starting")
	s.next("error", "line", "2", "badLines", "2")
	s.next("error", "line", "4", "badLines", "2")
	s.expect("transition", "to", "active")
	s.send("status")
	r := s.next("status").record(t)
	if r.text("lastError") != "feed line 4: no symbol" || r.text("symbolCount") != "1" {
		t.Errorf("record is %v", r)
	}
}

func TestBadFlagsAndFeedsExit2(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-store", "etcd2://x"}, []string{"-store", `"etcd2"`, "memory", "redis"}},
		{[]string{"-ttl", "10s", "-heartbeat", "8s"}, []string{"-heartbeat 8s", "-ttl 10s"}},
		{[]string{"-feed", "no/such/file"}, []string{"-feed", "no/such/file"}},
		{[]string{"-feed", writeFeed(t, "nothing", "", "{}")}, []string{"-feed", "no trade", "line 1"}},
		{[]string{"-feed", writeFeed(t)}, []string{"-feed", "no trade"}},
		{[]string{"-feed", t.TempDir()}, []string{"-feed"}},
	} {
		s := process(t, c.args...)
		s.wantExit(program.ExitUsage)
		s.wantError(c.want...)
		if len(s.seen) > 0 {
			t.Errorf("%v: standard output has %q", c.args, s.seen)
		}
	}
}

func TestHelpExits0(t *testing.T) {
	s := process(t, "-h")
	s.wantExit(program.ExitOK)
	s.wantError("usage:", "-heartbeat", "to STATE")
}

func TestReadLinesSendsLinesAndStaysOpenAtTheEnd(t *testing.T) {
	lines := readLines(t.Context(), strings.NewReader("start\n\nto active"), log.New(io.Discard, "", 0))
	var got []string
	for range 3 {
		got = append(got, <-lines)
	}
	if want := []string{"start", "", "to active"}; !slices.Equal(got, want) {
		t.Errorf("lines are %q, want %q", got, want)
	}
	select {
	case l, open := <-lines:
		t.Errorf("a line %q after the end, open %v", l, open)
	default:
	}
}

func TestReadLinesReportsAReadError(t *testing.T) {
	logged := make(chan string, 1)
	lines := readLines(t.Context(), io.MultiReader(strings.NewReader("start\nst"), iotest.ErrReader(errors.New("broken"))), log.New(sendTo(logged), "", 0))
	if got := []string{<-lines, <-lines, <-logged}; !slices.Equal(got, []string{"start", "st", "no more commands: broken\n"}) {
		t.Errorf("lines and log are %q", got)
	}
}

// The longest command has maxCommand bytes. The lines after a longer line are read in full.
func TestReadLinesSkipsTheRestOfALongLine(t *testing.T) {
	long := strings.Repeat("x", maxCommand)
	lines := readLines(t.Context(), strings.NewReader(long+"\r\n"+long+"x\n"+long+long+long+"\nstop"), log.New(io.Discard, "", 0))
	for _, want := range []string{long, long + "x", long + "x", "stop"} {
		if got := <-lines; got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	}
}

func TestTooLongCommandIsRefused(t *testing.T) {
	s := goroutine(t, cold...)
	registered := s.expect("registered")
	s.expect("transition", "to", "warming")
	s.send("error " + strings.Repeat("x", maxCommand))
	s.next("error", "token", registered.text("token"), "error", "a command of more than 1048576 bytes is not read")
	s.send("status")
	if r := s.next("status").record(t); r["lastError"] != nil {
		t.Errorf("record is %v", r)
	}
}

// sendTo is a writer that sends each text to a channel.
type sendTo chan<- string

func (c sendTo) Write(text []byte) (int, error) {
	c <- string(text)
	return len(text), nil
}
