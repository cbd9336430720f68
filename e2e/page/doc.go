// Package page tests the page of the command, leasehold serve, in a real headless Chromium, on a real
// Redis and a real etcd. The steps of the browser are in page.test.mjs; world_test.go does to servers
// and instances what they ask for. It has no code of its own.
//
// Two commands make what is too long for ./test.sh:
//
//	go test ./e2e/page -run TestPictures -pictures ../../docs/page
//	go test ./e2e/page -run TestSpeed -speed -v
package page
