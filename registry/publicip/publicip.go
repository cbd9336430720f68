// Package publicip finds the public address of a service behind a network address translation, for
// PublicIP of package registry's Config.
package publicip

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
)

// ReportedBy returns a function that gets the address from a web service, which answers with
// the address of its client as plain text. It uses [http.DefaultClient].
func ReportedBy(url string) func(context.Context) (netip.Addr, error) {
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
