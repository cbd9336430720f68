package redisstore

import (
	"errors"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// The words of servers for a right that a script finds missing. A fence is read first, so
// nothing is written where that is refused.
func TestAMissingRightOfAScriptIsRecognised(t *testing.T) {
	t.Parallel()
	for server, words := range map[string]string{
		"Redis 7.0":            "ERR The user executing the script can't run this command or subcommand script: 4bb3, on @user_script:49.",
		"Redis 7.2 and Valkey": "ERR ACL failure in script: User app has no permissions to run the 'getrange' command script: 4bb3, on @user_script:49.",
	} {
		err := failed("renew", "key", writes, scriptError("leasehold: "+words))
		if !denied(err) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) {
			t.Errorf("%s: %v", server, err)
		}
		if err := failed("renew", "key", writes, scriptError(words)); !errors.Is(err, store.ErrInDoubt) {
			t.Errorf("%s, at a later command: %v", server, err)
		}
	}
}
