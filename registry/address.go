package registry

import (
	"context"
	"net"
	"net/netip"
)

// OutboundIP returns the local address of the default IPv4 route; it sends no packet. Behind a
// network address translation the address is private; package
// publicip asks a service for the public one. It fails on a machine without such a route.
func OutboundIP(ctx context.Context) (netip.Addr, error) {
	// 192.0.2.0/24 is reserved for documentation (RFC 5737). Connecting a UDP socket only looks
	// up the route.
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return local.Addr(), err
}
