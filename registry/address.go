package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// OutboundIP returns the local address of the default IPv4 route; it sends no packet. Behind a
// network address translation the address is private; see [ReportedIP].
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

// ReportedIP returns a function that gets the address from a web service, which answers with
// the address of its client as plain text. It uses [http.DefaultClient].
func ReportedIP(url string) func(context.Context) (netip.Addr, error) {
	return func(ctx context.Context) (netip.Addr, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return netip.Addr{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return netip.Addr{}, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return netip.Addr{}, fmt.Errorf("public address from %s: status %s", url, resp.Status)
		}
		const maxLength = 64 // an IPv6 address with zone and newline is shorter
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxLength))
		if err != nil {
			return netip.Addr{}, err
		}
		ip, err := netip.ParseAddr(strings.TrimSpace(string(text)))
		if err != nil {
			return netip.Addr{}, fmt.Errorf("public address from %s: %w", url, err)
		}
		return ip, nil
	}
}
