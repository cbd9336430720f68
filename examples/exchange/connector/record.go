package connector

import (
	"encoding/json"
	"time"

	"github.com/leasehold-go/leasehold/registry"
)

// Record is the value that a connector publishes under its key, in the format that existing
// readers of the key expect. The registry appends its own field, "leasehold".
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

// fill copies the status that the registry keeps.
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

// optional is a string that is null in JSON if it is empty.
type optional string

func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// milliseconds is RFC 3339 with exactly three decimals.
const milliseconds = "2006-01-02T15:04:05.000Z07:00"

// instant is a time in UTC with milliseconds, and null in JSON if it is zero.
type instant struct{ time.Time }

func (i instant) String() string { return i.UTC().Format(milliseconds) }

func (i instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(i.String())
}
