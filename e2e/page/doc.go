// Package page tests the page of the command, leasehold serve, in a real headless Chromium, on a real
// Redis and a real etcd. The steps of the browser are in page.test.mjs for each of them, and in
// browser.test.mjs for what no store changes; world_test.go starts, stops and moves servers and
// instances for them. It has no code of its own.
//
// Two commands are too long for ./test.sh:
//
//	go test ./e2e/page -run '^$' -bench Pictures -benchtime 1x
//	go test ./e2e/page -run '^$' -bench Speed -benchtime 1x
package page
