package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// oldProtocol is a program that speaks the protocol before this library. It is kept
// as it was, with all that is wrong in it.
type oldProtocol struct {
	raw
	key  string
	ttl  time.Duration
	host string

	state     string // changed before it is written
	connected string // empty until it is active
	broken    bool   // its next write fails
}

// oldRecord is what it publishes.
type oldRecord struct {
	Hostname    string `json:"hostname"`
	State       string `json:"connection_state"`
	ConnectedAt string `json:"connected_at"`
}

var errBroken = errors.New("the write failed")

func (o *oldProtocol) value() string {
	v, _ := json.Marshal(oldRecord{o.host, o.state, o.connected})
	return string(v)
}

// claim takes the key if it is free, or if its own host has it.
func (o *oldProtocol) claim() error {
	if o.state == "" {
		o.state = "idle"
	}
	if o.SetNX(o.key, o.value(), o.ttl) {
		return nil
	}
	other := o.read()
	if other.Hostname == o.host { // "a restart of mine: reclaim"
		o.Set(o.key, o.value(), o.ttl)
		return nil
	}
	return fmt.Errorf("already held by %s since %s", other.Hostname, other.ConnectedAt)
}

func (o *oldProtocol) read() (r oldRecord) {
	v, _, _ := o.Get(o.key)
	_ = json.Unmarshal([]byte(v), &r)
	return r
}

// heartbeat writes the status over whatever is there, and says whether something
// was.
func (o *oldProtocol) heartbeat() bool { return o.SetXX(o.key, o.value(), o.ttl) }

// missing and restore are the heartbeat of another version: a key that is not there
// is set again.
func (o *oldProtocol) missing() bool { _, _, ok := o.Get(o.key); return !ok }
func (o *oldProtocol) restore()      { o.Set(o.key, o.value(), o.ttl) }

// transition changes the state and publishes it.
func (o *oldProtocol) transition(to string) error {
	o.state = to
	if to == "active" {
		o.connected = time.Now().UTC().Format(time.RFC3339)
	}
	if o.broken {
		o.broken = false
		return errBroken
	}
	o.SetKeepTTL(o.key, o.value())
	return nil
}

func (o *oldProtocol) stop() { o.Del(o.key) }

// holds is how it finds out that it holds the key.
func (o *oldProtocol) holds() bool { return o.read().Hostname == o.host }
