package connector

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/examples/internal/servers"
	"github.com/leasehold-go/leasehold/registry"
)

func TestFlagDefaults(t *testing.T) {
	s, err := parseFlags(servers.Stores, nil, io.Discard)
	if err != nil || s.store.String() != "memory:" || s.key() != "exchange:1:status" {
		t.Errorf("store is %v, key %q, error %v", s.store, s.key(), err)
	}
	want := settings{
		exchange: 1, name: "coinbase", ttl: 45 * time.Second, heartbeat: 15 * time.Second,
		warm: 20, autostart: true, reclaim: registry.ReclaimDead,
	}
	s.store = nil
	if got, want := fmt.Sprint(s), fmt.Sprint(want); got != want {
		t.Errorf("settings are\n%s, want\n%s", got, want)
	}
}

func TestFlagsSetTheSettings(t *testing.T) {
	s, err := parseFlags(servers.Stores, strings.Fields("-store redis://localhost:6379/3 -exchange 7 -name kraken -ttl 6s -feed f -warm 0"+
		" -autostart=false -wait -for 1m -admin-email a@b -admin-name A -hostname h -instance i -reclaim name"), io.Discard)
	if err != nil || s.store.String() != "redis://localhost:6379/3" || s.key() != "exchange:7:status" {
		t.Errorf("store is %v, key %q, error %v", s.store, s.key(), err)
	}
	want := settings{
		exchange: 7, name: "kraken", ttl: 6 * time.Second, heartbeat: 2 * time.Second, feed: "f",
		wait: true, runFor: time.Minute, adminEmail: "a@b", adminName: "A", hostname: "h", instance: "i",
		reclaim: registry.ReclaimName,
	}
	s.store = nil
	if got, want := fmt.Sprint(s), fmt.Sprint(want); got != want {
		t.Errorf("settings are\n%s, want\n%s", got, want)
	}
}

func TestErrorNamesTheBadFlag(t *testing.T) {
	for args, want := range map[string][]string{
		"-exchange 0":                              {"-exchange 0", "at least 1"},
		"-exchange x":                              {"-exchange", `"x"`},
		"-warm -1":                                 {"-warm -1"},
		"-for -1s":                                 {"-for -1s"},
		"-ttl 0s":                                  {"-ttl 0s", "100ms"},
		"-ttl -1s":                                 {"-ttl -1s"},
		"-ttl 99ms":                                {"-ttl 99ms", "100ms"},
		"-ttl 10s":                                 nil,
		"-ttl 10s -heartbeat 5s":                   nil,
		"-ttl 10s -heartbeat 5001ms":               {"-heartbeat 5.001s", "-ttl 10s"},
		"-heartbeat 0s":                            {"-heartbeat 0s", "-ttl 45s"},
		"-heartbeat -1s":                           {"-heartbeat -1s", "-ttl 45s"},
		"-reclaim always":                          {"-reclaim", `"always"`, "never, dead, name"},
		"-store postgres://localhost":              {"-store", `"postgres"`, "memory, redis"},
		"-store memory":                            {"-store", "memory, redis"},
		"-store memory:x":                          {"-store", "memory:"},
		"-store redis://h:1/x":                     {"-store", "database"},
		"-store redis://h:x":                       {"-store", "port"},
		"-store redis://h:1,g:2":                   {"-store", "one host", "redis+cluster"},
		"-store redis+cluster://h:1,g":             {"-store", "g", "port"},
		"-store redis+cluster://h:1/2":             {"-store", "one database"},
		"-store etcd://h:1,g:2":                    nil,
		"-store etcd://h:1/prefix":                 {"-store", "after the hosts"},
		"-store etcd://h:1?x=y":                    {"-store", "after the hosts"},
		"-store redis+cluster://h:1?master_name=m": {"-store", "master_name"},
		"-store redis+sentinel://h:1,g:2":          {"-store", "master_name"},
		"-store redis+sentinel://h:1,g:2?master_name=m": nil,
		"-store redis+sentinel://h:1/x?master_name=m":   {"-store", "database", `"x"`},
		"-store rediss+cluster://h:1,g:2":               nil,
		"-bogus":                                        {"-bogus"},
		"start":                                         {`"start"`},
		"-wait start now":                               {`"start"`},
	} {
		_, err := parseFlags(servers.Stores, strings.Fields(args), io.Discard)
		if (err != nil) != (len(want) > 0) || err != nil && example.ExitCode(err) != program.ExitUsage {
			t.Errorf("%s: error is %v, exit %d", args, err, example.ExitCode(err))
		}
		for _, part := range want {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not say %q", args, err, part)
			}
		}
	}
}

func TestStoreNameHasAllHosts(t *testing.T) {
	for url, name := range map[string]string{
		"redis+cluster://u:p@a:1,b:2":                  "redis+cluster://u:xxxxx@a:1,b:2",
		"redis+sentinel://a:1,b:2,c:3/4?master_name=m": "redis+sentinel://a:1,b:2,c:3/4",
		"etcd://u:p@a:1,b:2":                           "etcd://u:xxxxx@a:1,b:2",
		"rediss+sentinel://[::1]:1,b:2?master_name=m":  "rediss+sentinel://[::1]:1,b:2",
	} {
		s, err := parseFlags(servers.Stores, []string{"-store", url}, io.Discard)
		if err != nil || s.store.String() != name {
			t.Errorf("%s: shown as %v, error %v", url, s.store, err)
		}
	}
}

func TestNamesAndErrorsHaveNoPassword(t *testing.T) {
	for _, url := range []string{"redis://u:s3cret@h:1/0", "redis://u:s3cret@h:1/x", "redis://u:s3cret@h:port/0", "redis://u:s3cret@h:1/%zz",
		"redis+cluster://u:s3cret@h:1,g:2", "redis+cluster://u:s3cret@h:1,g", "redis+sentinel://u:s3cret@h:1?master_name=m&password=s3cret",
		"redis+sentinel://u:s3cret@h:1/x?password=s3cret"} {
		s, err := parseFlags(servers.Stores, []string{"-store", url}, io.Discard)
		if text := fmt.Sprint(s.store, err); strings.Contains(text, "s3cret") {
			t.Errorf("%s: shows %s", url, text)
		}
	}
}

func TestHelpShowsCommandsAndFlags(t *testing.T) {
	var help bytes.Buffer
	if _, err := parseFlags(servers.Stores, []string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error is %v", err)
	}
	for _, part := range []string{commands, "-store", "-reclaim", "default 20"} {
		if !strings.Contains(help.String(), part) {
			t.Errorf("help does not say %q", part)
		}
	}
}
