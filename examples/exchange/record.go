package main

import (
	"encoding/json"
	"time"

	"github.com/leasehold-go/leasehold/registry"
)

// Record is what a connector publishes under its key, in the format that readers of
// that key have always known. The registry appends its own field, "leasehold".
type Record struct {
	ExchangeID       int      `json:"exchangeId"`
	ExchangeName     string   `json:"exchangeName"`
	Hostname         optional `json:"hostname"`
	IPAddress        optional `json:"ipAddress"`
	AdminEmail       optional `json:"adminEmail"`
	AdminDisplayName optional `json:"adminDisplayName"`
	ConnectionState  State    `json:"connectionState"`
	SymbolCount      int      `json:"symbolCount"`
	ConnectedAt      instant  `json:"connectedAt"`
	LastHeartbeat    instant  `json:"lastHeartbeat"`
	LastStateChange  instant  `json:"lastStateChange"`
	RegisteredAt     instant  `json:"registeredAt"`
	LastError        optional `json:"lastError"`
	LastErrorAt      instant  `json:"lastErrorAt"`
}

// fill takes over what the registry knows.
func (r *Record) fill(s registry.Status[State]) {
	r.Hostname = optional(s.Host)
	if s.IP.IsValid() {
		r.IPAddress = optional(s.IP.String())
	}
	r.ConnectionState = s.State
	r.ConnectedAt = instant{s.Connected}
	r.LastHeartbeat = instant{s.Heartbeat}
	r.LastStateChange = instant{s.Changed}
	r.RegisteredAt = instant{s.Registered}
	r.LastError = optional(s.LastError)
	r.LastErrorAt = instant{s.LastErrorAt}
}

// optional is a text that is null while it is not known.
type optional string

func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// milliseconds is RFC 3339 with exactly three decimals.
const milliseconds = "2006-01-02T15:04:05.000Z07:00"

// instant is a time that is null while there was none, and otherwise in UTC with
// milliseconds.
type instant struct{ time.Time }

func (i instant) String() string { return i.UTC().Format(milliseconds) }

func (i instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(i.String())
}
