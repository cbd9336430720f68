package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/leasehold-go/leasehold/registry"
)

// notify tells systemd of the service, if systemd started it: READY=1 once it is ready, STATUS= when
// its health changes, WATCHDOG=1 while it is live, at least twice in a WatchdogSec, and STOPPING=1 once ctx
// has ended. The function that it returns ends that.
func notify(ctx context.Context, health *registry.Health[State]) (end func()) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		slog.Warn("no watchdog", "error", err)
	}
	pause := time.Second
	if watchdog > 0 {
		pause = min(pause, watchdog/2)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		shown, ready, stopping, stop := "", false, false, ctx.Done()
		for last := false; ; {
			var news []string
			report := health.Status()
			if text := describe(report); text != shown {
				shown, news = text, append(news, "STATUS="+text)
			}
			if report.Ready == nil && !ready {
				ready, news = true, append(news, daemon.SdNotifyReady)
			}
			if report.Live == nil && watchdog > 0 {
				news = append(news, daemon.SdNotifyWatchdog)
			}
			if ctx.Err() != nil && !stopping {
				stopping, news = true, append(news, daemon.SdNotifyStopping)
			}
			if len(news) > 0 {
				sent, err := daemon.SdNotify(false, strings.Join(news, "\n"))
				if err != nil {
					slog.Warn("systemd was not told", "error", err)
				} else if !sent {
					return // systemd did not start this process, or wants no news
				}
			}
			if last {
				return
			}
			select {
			case <-time.After(pause):
			case <-stop:
				stop = nil
			case <-done:
				last = true
			}
		}
	}()
	return func() { close(done); <-ended }
}

// describe puts the health into one line, which systemctl status shows.
func describe(r registry.HealthReport[State]) string {
	text := string(r.Phase)
	if r.Token != 0 {
		text += fmt.Sprintf(" in state %s with token %d", r.State, r.Token)
	}
	switch {
	case r.Live != nil:
		text += ", not live: " + r.Live.Error()
	case r.Ready != nil:
		text += ", not ready: " + r.Ready.Error()
	default:
		text += ", ready"
	}
	return strings.ReplaceAll(text, "\n", "; ")
}
