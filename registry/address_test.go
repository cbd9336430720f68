package registry_test

import (
	"context"
	"testing"

	"github.com/leasehold-go/leasehold/registry"
)

func TestOutboundIPReturnsASpecifiedAddress(t *testing.T) {
	ip, err := registry.OutboundIP(t.Context())
	if err != nil {
		t.Logf("this machine has no way out: %v", err)
	} else if !ip.IsValid() || ip.IsUnspecified() {
		t.Errorf("got %v", ip)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ip, err := registry.OutboundIP(ctx); err == nil {
		t.Errorf("got %v after the end of the context", ip)
	}
}
