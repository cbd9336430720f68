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

// OutboundIP returns the address that this machine sends from when it talks to the
// world outside. It asks the routing table and sends nothing, so behind a network
// address translation it is the private one; see [ReportedIP].
func OutboundIP(ctx context.Context) (netip.Addr, error) {
	// 192.0.2.0/24 is set aside for documentation (RFC 5737). Connecting a UDP
	// socket sends no packet.
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return local.Addr(), err
}

// ReportedIP asks a web service that answers with the address from which it was
// asked, as plain text. It uses [http.DefaultClient].
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
			return netip.Addr{}, fmt.Errorf("%s answers %s", url, resp.Status)
		}
		const longest = 64 // an IPv6 address with zone and newline has fewer bytes
		text, err := io.ReadAll(io.LimitReader(resp.Body, longest))
		if err != nil {
			return netip.Addr{}, err
		}
		return netip.ParseAddr(strings.TrimSpace(string(text)))
	}
}
