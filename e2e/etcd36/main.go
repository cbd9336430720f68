// Command etcd36 is etcd 3.6 as a program, for the command matrix: a module of its own,
// because the module e2e embeds another version. It takes etcd's own flags.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
