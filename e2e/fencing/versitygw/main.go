// Command versitygw is an S3 server on a directory, for the tests of package fencing: a module of its
// own and outside of the workspace, because the server brings many others. The directory's file
// system must have extended attributes.
//
//	versitygw ADDRESS DIRECTORY
package main

import (
	"context"
	"log"
	"os"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: versitygw ADDRESS DIRECTORY")
	}
	backend, err := posix.New(os.Args[2], meta.XattrMeta{}, posix.PosixOpts{NewDirPerm: 0o755})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(embedgw.RunVersityGW(context.Background(), backend, &embedgw.Config{
		RootUserAccess: "access", RootUserSecret: "secret", Ports: []string{os.Args[1]},
		MaxConnections: 1000, MaxRequests: 1000, MultipartMaxParts: 10_000, Quiet: true,
	}))
}
