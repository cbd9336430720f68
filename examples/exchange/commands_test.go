package main

import (
	"errors"
	"io"
	"log"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// cold keeps a connector warming, where every direction is open.
var cold = []string{"-warm", "1000000"}

// eachWay runs a test of the program in this process and as one.
func eachWay(t *testing.T, test func(t *testing.T, start launch)) {
	t.Run("here", func(t *testing.T) { test(t, here) })
	t.Run("process", func(t *testing.T) { test(t, process) })
}

func TestWithoutFlagsItBecomesActiveAndKeepsRunning(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t)
		s.next("registered", "key", "exchange:1:status", "state", "idle")
		s.next("transition", "from", "idle", "to", "starting")
		s.next("transition", "from", "starting", "to", "warming")
		s.next("transition", "from", "warming", "to", "active")
		s.say("status")
		if r := s.next("status").record(t); r.text("connectionState") != "active" || r.text("symbolCount") != "5" {
			t.Errorf("record is %v", r)
		}
		s.stop()
		s.next("transition", "from", "active", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered")
		s.exits(exitOK)
		s.complains("start, stop, status, to STATE, error TEXT, symbols N, quit")
	})
}

func TestStopEndsTheInstanceAndStartBeginsANewOne(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		first := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.say("stop")
		s.next("transition", "from", "warming", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered", "token", first.text("token"))
		s.say("status")
		s.next("status", "record", "<nil>")
		s.say("start")
		second := s.next("registered")
		if second.token(t) <= first.token(t) || second.text("instance") == first.text("instance") {
			t.Errorf("the second instance is %v, after %v", second, first)
		}
		s.expect("transition", "to", "warming")
		s.say("quit")
		s.expect("deregistered")
		s.exits(exitOK)
	})
}

func TestInvalidTransitionsAreRejectedAndChangeNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		s.expect("transition", "to", "warming")
		s.say("status")
		before := s.next("status").record(t)
		for _, state := range []string{"idle2", "stopped", "warming", "starting", "Active"} {
			s.say("to " + state)
			s.next("rejected", "from", "warming", "to", state, "allowed", "[active stopping idle]")
		}
		s.say("status")
		after := s.next("status").record(t)
		for _, field := range []string{"connectionState", "lastStateChange"} {
			if before.text(field) != after.text(field) {
				t.Errorf("%s was %v and is %v", field, before[field], after[field])
			}
		}
	})
}

func TestWhileNothingIsClaimedEveryTransitionIsRejected(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, "-autostart=false")
		for _, state := range []string{"starting", "active", "nowhere"} {
			s.say("to " + state)
			s.next("rejected", "from", "idle", "to", state, "allowed", "[]")
		}
		s.say("status")
		s.next("status", "record", "<nil>")
		for _, command := range []string{"stop", "error x", "symbols 3"} {
			s.say(command)
			s.next("error", "error", errNothingClaimed.Error())
		}
		s.stop()
		s.exits(exitOK)
	})
}

func TestEveryCommandIsAnswered(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		token := s.expect("registered").text("token")
		s.expect("transition", "to", "warming")
		for command, answer := range map[string]string{
			"dance":      "unknown command",
			"START":      "unknown command",
			"to":         "to needs a state",
			"error":      "error needs a text",
			"symbols":    "symbols needs a number",
			"symbols -1": "symbols needs a number",
			"symbols 1x": "symbols needs a number",
		} {
			s.say(command)
			if l := s.next("error", "token", token); !strings.HasPrefix(l.text("error"), answer) {
				t.Errorf("%q is answered with %v", command, l)
			}
		}
		s.say("") // says nothing
		s.say("start")
		s.next("rejected", "from", "warming", "to", "starting")
		s.say("quit")
		s.exits(exitOK)
		s.complains(`unknown command "dance"`, commands)
	})
}

func TestErrorAndSymbolsArePublished(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		registered := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.say("error the cable is loose")
		s.next("error", "token", registered.text("token"), "error", "the cable is loose")
		s.say("symbols 42")
		s.say("  status  ")
		r := s.next("status").record(t)
		if r.text("lastError") != "the cable is loose" || r.text("symbolCount") != "42" || r["lastErrorAt"] == nil {
			t.Errorf("record is %v", r)
		}
	})
}

func TestAnOperatorMayTakeTheWalkByHand(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, cold...)
		first := s.expect("registered")
		s.expect("transition", "to", "warming")
		s.say("to idle")
		s.next("transition", "from", "warming", "to", "idle")
		s.say("start") // the same instance goes on
		s.next("transition", "from", "idle", "to", "starting")
		s.next("transition", "from", "starting", "to", "warming")
		s.say("to active")
		s.next("transition", "from", "warming", "to", "active", "token", first.text("token"))
		s.say("to stopping")
		s.next("transition", "from", "active", "to", "stopping")
		s.say("status")
		if r := s.next("status").record(t); r.text("connectionState") != "stopping" {
			t.Errorf("record is %v", r)
		}
		s.say("to stopped")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered")
		s.say("status")
		s.next("status", "record", "<nil>")
		s.say("start")
		if second := s.next("registered"); second.token(t) <= first.token(t) {
			t.Errorf("the second instance is %v, after %v", second, first)
		}
	})
}

func TestTheEndOfInputEndsNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, "-heartbeat", "300ms", "-warm", "1")
		s.stdin.Close()
		s.expect("transition", "to", "active")
		s.expect("heartbeat")
		s.expect("heartbeat")
		s.stop()
		s.expect("deregistered")
		s.exits(exitOK)
	})
}

func TestForStopsByItself(t *testing.T) {
	eachWay(t, func(t *testing.T, start launch) {
		s := start(t, append(cold, "-for", "1s")...)
		s.expect("transition", "to", "stopped")
		s.expect("deregistered")
		s.exits(exitOK)
	})
}

func TestBadFeedLinesAreCountedRecordedAndSkipped(t *testing.T) {
	path := writeFeed(t, goodLine, "{", goodLine, `{"symbol":"","price":1,"time":"2026-11-20T09:30:00Z"}`)
	s := here(t, "-feed", path, "-warm", "3")
	s.expect("transition", "to", "starting")
	s.next("error", "line", "2", "badLines", "2")
	s.next("error", "line", "4", "badLines", "2")
	s.expect("transition", "to", "active")
	s.say("status")
	r := s.next("status").record(t)
	if r.text("lastError") != "feed line 4: no symbol" || r.text("symbolCount") != "1" {
		t.Errorf("record is %v", r)
	}
}

func TestBadFlagsAndFeedsExit2(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"-store", "etcd2://x"}, []string{"-store", `"etcd2"`, "memory", "redis"}},
		{[]string{"-ttl", "10s", "-heartbeat", "8s"}, []string{"-heartbeat 8s", "-ttl 10s"}},
		{[]string{"-feed", "no/such/file"}, []string{"-feed", "no/such/file"}},
		{[]string{"-feed", writeFeed(t, "nothing", "", "{}")}, []string{"-feed", "no trade", "line 1"}},
		{[]string{"-feed", writeFeed(t)}, []string{"-feed", "no trade"}},
		{[]string{"-feed", t.TempDir()}, []string{"-feed"}},
	} {
		s := process(t, c.args...)
		s.exits(exitUsage)
		s.complains(c.says...)
		if len(s.seen) > 0 {
			t.Errorf("%v: standard output has %q", c.args, s.seen)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	s := process(t, "-h")
	s.exits(exitOK)
	s.complains("usage:", "-heartbeat", "to STATE")
}

func TestListenPassesLinesOnAndOutlivesTheirEnd(t *testing.T) {
	lines := listen(t.Context(), strings.NewReader("start\n\nto active"), log.New(io.Discard, "", 0))
	var got []string
	for range 3 {
		got = append(got, <-lines)
	}
	if want := []string{"start", "", "to active"}; !slices.Equal(got, want) {
		t.Errorf("lines are %q, want %q", got, want)
	}
	select {
	case l, open := <-lines:
		t.Errorf("after the end comes %q, open %v", l, open)
	default:
	}
}

func TestListenSaysWhenItCanReadNoMore(t *testing.T) {
	said := make(chan string, 1)
	lines := listen(t.Context(), io.MultiReader(strings.NewReader("start\nst"), iotest.ErrReader(errors.New("torn"))), log.New(first(said), "", 0))
	if got := []string{<-lines, <-lines, <-said}; !slices.Equal(got, []string{"start", "st", "no more commands: torn\n"}) {
		t.Errorf("passes on and says %q", got)
	}
}

// The longest that is obeyed has as many bytes as a value may; the lines after one
// that is longer are read as ever.
func TestListenReadsLinesThatAreTooLongToTheirEnd(t *testing.T) {
	long := strings.Repeat("x", maxCommand)
	lines := listen(t.Context(), strings.NewReader(long+"\r\n"+long+"x\n"+long+long+long+"\nstop"), log.New(io.Discard, "", 0))
	for _, want := range []string{long, long + "x", long + "x", "stop"} {
		if got := <-lines; got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	}
}

func TestACommandThatIsTooLongIsSaidToBe(t *testing.T) {
	s := here(t, cold...)
	registered := s.expect("registered")
	s.expect("transition", "to", "warming")
	s.say("error " + strings.Repeat("x", maxCommand))
	s.next("error", "token", registered.text("token"), "error", "a command of more than 1048576 bytes is not read")
	s.say("status")
	if r := s.next("status").record(t); r["lastError"] != nil {
		t.Errorf("record is %v", r)
	}
}

// first passes on what is written.
type first chan<- string

func (f first) Write(text []byte) (int, error) {
	f <- string(text)
	return len(text), nil
}
