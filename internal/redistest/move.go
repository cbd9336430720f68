package redistest

import "net"

// Move is a slot on its way from one master of a Cluster to another. Until the move is over,
// each key is on one of the two, and each master sends clients that ask for another key to the
// other.
type Move struct {
	cluster        *Cluster
	slot           int
	source, target *Server
}

// Move begins to move a slot that source has. Nothing is carried over yet.
func (c *Cluster) Move(slot int, source, target *Server) *Move {
	c.t.Helper()
	target.do("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
	source.do("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
	return &Move{c, slot, source, target}
}

// Carry takes keys over to the target, all at once. One that is not there is passed
// over.
func (m *Move) Carry(keys ...string) {
	m.cluster.t.Helper()
	if len(keys) == 0 {
		return
	}
	host, port, _ := net.SplitHostPort(m.target.Addr())
	args := []any{"MIGRATE", host, port, "", 0, patience.Milliseconds(), "KEYS"}
	for _, key := range keys {
		args = append(args, key)
	}
	m.source.do(args...)
}

// Left returns the keys that have not been carried over.
func (m *Move) Left() (keys []string) {
	m.cluster.t.Helper()
	const most = 1000
	answer, err := command(m.source.Addr(), "CLUSTER", "GETKEYSINSLOT", m.slot, most)
	m.source.must(err)
	for _, key := range answer.([]any) {
		keys = append(keys, key.(string))
	}
	return keys
}

// Finish carries over the remaining keys and tells all masters that the slot is the target's.
func (m *Move) Finish() {
	m.cluster.t.Helper()
	for left := m.Left(); len(left) > 0; left = m.Left() {
		m.Carry(left...)
	}
	id := m.target.id()
	for _, s := range append([]*Server{m.target, m.source}, m.cluster.Masters...) {
		s.do("CLUSTER", "SETSLOT", m.slot, "NODE", id)
	}
}

// id is this node's name in its Cluster.
func (s *Server) id() string {
	s.t.Helper()
	return s.do("CLUSTER", "MYID")
}
