// Package clientgo runs client-go's leader election on a real kube-apiserver, for the table in README.md
// and for docs/migrating.md. It has no code of its own.
//
// It is in no workspace and no part of ./test.sh: kube-apiserver takes eight minutes of a processor to
// compile. In its folder:
//
//	GOWORK=off go test -v .
package clientgo
