package redisstore

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"sync"
)

//go:embed scripts/*.lua
var scripts embed.FS

// The scripts; their files document arguments and answers. List has none for the index, which
// it reads with a command; see newRange.
var (
	createScript = newScript("record", "ended", "begin", "create", "each", "create_each")
	nextScript   = newScript("record", "ended", "begin", "create", "each", "create_next")
	renewScript  = newScript("record", "each", "renew")
	updateScript = newScript("record", "each", "update")
	deleteScript = newScript("record", "ended", "begin", "each", "delete")
	getScript    = newScript("get")
	dropScript   = newScript("drop")

	askScript          = newScript("record", "mail", "ask")
	requestsScript     = newScript("record", "mail", "requests")
	pruneScript        = newScript("record", "mail", "prune")
	answerScript       = newScript("record", "mail", "answer")
	logScript          = newScript("record", "stream", "log")
	updateLogScript    = newScript("record", "stream", "update_log")
	updateAnswerScript = newScript("record", "mail", "update_answer")
)

// script is a text that the server runs and knows by its hash. It is made when it is used first.
type script struct {
	text func() any // a string, as an argument of EVAL
	hash func() any // a string, as an argument of EVALSHA
}

// newScript joins embedded files. Its functions panic if one is missing, which no build
// that passes a test can.
func newScript(names ...string) *script {
	text := sync.OnceValue(func() any {
		var text string
		for _, name := range names {
			part, err := scripts.ReadFile("scripts/" + name + ".lua")
			if err != nil {
				panic(err)
			}
			text += string(part)
		}
		return text
	})
	return &script{text: text, hash: sync.OnceValue(func() any {
		hash := sha1.Sum([]byte(text().(string)))
		return hex.EncodeToString(hash[:])
	})}
}
