//go:build !linux || !amd64

package main

import (
	"errors"
	"time"
)

type wallClock struct{}

func takeWallClock() (wallClock, error) {
	return wallClock{}, errors.New("-suspend works on Linux on amd64 only")
}

func (wallClock) step(time.Duration) {}
