package connector

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/registry"
)

func TestUnknownFieldsAreNull(t *testing.T) {
	r := Record{ExchangeID: 1, ExchangeName: "coinbase"}
	r.fill(registry.Status[State]{State: Idle})
	golden(t, r, `{"exchangeId":1,"exchangeName":"coinbase","hostname":null,"ipAddress":null,`+
		`"adminEmail":null,"adminDisplayName":null,"connectionState":"idle","symbolCount":0,`+
		`"connectedAt":null,"lastHeartbeat":null,"lastStateChange":null,"registeredAt":null,`+
		`"lastError":null,"lastErrorAt":null}`)
}

func TestTimesAreUTCWithMilliseconds(t *testing.T) {
	at := func(second, nanosecond int) time.Time {
		return time.Date(2026, 11, 20, 10, 30, second, nanosecond, time.FixedZone("", 3600))
	}
	r := Record{ExchangeID: 7, ExchangeName: "kraken", AdminEmail: "ops@example.com", AdminDisplayName: "Ops", SymbolCount: 42}
	r.fill(registry.Status[State]{
		Identity:  registry.Identity{Host: "host-a", IP: netip.MustParseAddr("10.0.0.7"), Registered: at(0, 0)},
		State:     Active,
		Changed:   at(1, 999_999_999),
		Connected: at(1, 1_000_000),
		Heartbeat: at(2, 120_000_000),
		LastError: `a "quoted" word`, LastErrorAt: at(3, 7),
	})
	golden(t, r, `{"exchangeId":7,"exchangeName":"kraken","hostname":"host-a","ipAddress":"10.0.0.7",`+
		`"adminEmail":"ops@example.com","adminDisplayName":"Ops","connectionState":"active","symbolCount":42,`+
		`"connectedAt":"2026-11-20T09:30:01.001Z","lastHeartbeat":"2026-11-20T09:30:02.120Z",`+
		`"lastStateChange":"2026-11-20T09:30:01.999Z","registeredAt":"2026-11-20T09:30:00.000Z",`+
		`"lastError":"a \"quoted\" word","lastErrorAt":"2026-11-20T09:30:03.000Z"}`)
}

// golden compares the JSON of a record, and decodes it again.
func golden(t *testing.T, r Record, want string) {
	t.Helper()
	got, err := json.Marshal(r)
	if err != nil || string(got) != want {
		t.Fatalf("record is\n%s\nnot\n%s\n(%v)", got, want, err)
	}
	var back Record
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(back); string(again) != want {
		t.Errorf("read back it is\n%s", again)
	}
}
