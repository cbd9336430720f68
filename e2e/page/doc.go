// Package page tests the page of the command, leasehold serve, in a real headless Chromium, on a real
// Redis and a real etcd. page.test.mjs has the steps that are taken on each of them, browser.test.mjs
// those that are alike on every store and are taken on Redis; world_test.go starts, stops and moves
// servers and instances for both. It has no code of its own.
//
// Two commands are too long for ./test.sh:
//
//	go test ./e2e/page -run '^$' -bench Pictures -benchtime 1x
//	go test ./e2e/page -run '^$' -bench Speed -benchtime 1x
package page
