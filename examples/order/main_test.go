package main

import (
	"testing"

	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

func binary(t *testing.T) string {
	t.Helper()
	return built.Program(t, "examples/order")
}
