package redistest

import "strings"

// Follower starts a node that follows a master, and returns once every master refers readers
// of replicas to it. A Cluster with a follower cannot be restarted.
func (c *Cluster) Follower(of *Server) *Server {
	c.t.Helper()
	f := Start(c.t, nodeArgs...)
	f.do("CLUSTER", "MEET", "127.0.0.1", of.port)
	id := of.id()
	c.eventually("the follower knows its master", func() bool {
		_, err := command(f.Addr(), "CLUSTER", "REPLICATE", id)
		return err == nil
	})
	c.eventually("the follower follows", func() bool { return says(f.Instance, "master_link_status:up") })
	for _, s := range c.Masters {
		c.eventually("a master refers to the follower", func() bool {
			return strings.Contains(s.do("CLUSTER", "SLOTS"), " "+f.port+" ")
		})
	}
	return f
}

// Promote has a follower take the place of its master, which follows it from then on
// if it is alive.
func (c *Cluster) Promote(follower *Server, force ...any) {
	c.t.Helper()
	follower.do(append([]any{"CLUSTER", "FAILOVER"}, force...)...)
	c.eventually("the follower is a master", func() bool { return says(follower.Instance, "role:master") })
}
