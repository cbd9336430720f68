package redisstore

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
)

//go:embed scripts/*.lua
var scripts embed.FS

// The scripts; their files say what they take and answer. List has none for the
// index, which it reads with a command; see newRange.
var (
	createScript = newScript(once, "prelude", "create")
	renewScript  = newScript(once, "prelude", "renew")
	updateScript = newScript(once, "prelude", "update")
	deleteScript = newScript(once, "prelude", "delete")
	getScript    = newScript(again, "prelude", "get")
	dropScript   = newScript(again, "drop")
)

// repeat says whether go-redis may send a call again that failed. It may where
// nobody has to know whether an earlier attempt arrived: then a connection that
// broke is no trouble.
type repeat bool

const (
	once  repeat = false
	again repeat = true
)

// script is a text that the server runs and knows by its hash.
type script struct {
	text   any // string, as an argument of EVAL
	hash   any // string, as an argument of EVALSHA
	repeat repeat
}

// newScript joins embedded files. It panics if one is missing, which no build
// that passes a test can.
func newScript(r repeat, names ...string) *script {
	var text string
	for _, name := range names {
		part, err := scripts.ReadFile("scripts/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		text += string(part)
	}
	hash := sha1.Sum([]byte(text))
	return &script{text: text, hash: hex.EncodeToString(hash[:]), repeat: r}
}
