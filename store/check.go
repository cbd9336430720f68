package store

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of every backend.
const (
	MaxKey   = 512     // bytes
	MaxValue = 1 << 20 // bytes

	// MinTTL is the shortest time to live that any backend grants; a backend may declare
	// a longer minimum. With a shorter TTL the round trip of a heartbeat would take a
	// large part of it.
	MinTTL = 100 * time.Millisecond

	// Reserved is the prefix of the names that belong to the library itself.
	Reserved = "leasehold:"
)

// CheckKey refuses a key that is empty, longer than [MaxKey] bytes, not valid UTF-8, or
// begins with [Reserved]. Spaces, braces, newlines, slashes and glob characters are
// allowed and have no meaning.
func CheckKey(key string) error {
	if key == "" {
		return &InvalidError{What: "key", Rule: "must not be empty"}
	}
	return checkName("key", key)
}

// CheckPrefix refuses a prefix that no key can have. The empty prefix is allowed and
// matches every key.
func CheckPrefix(prefix string) error {
	return checkName("prefix", prefix)
}

func checkName(what, name string) error {
	switch {
	case strings.HasPrefix(name, Reserved):
		return &InvalidError{What: what, Got: quote(name), Rule: fmt.Sprintf("names that begin with %q are the library's own", Reserved)}
	case len(name) > MaxKey:
		return &InvalidError{What: what, Got: quote(name), Rule: fmt.Sprintf("is %d bytes long, more than %d", len(name), MaxKey)}
	case !utf8.ValidString(name):
		return &InvalidError{What: what, Got: quote(name), Rule: "is not valid UTF-8"}
	}
	return nil
}

// CheckValue refuses a value that is empty or longer than [MaxValue] bytes.
func CheckValue(value []byte) error {
	switch {
	case len(value) == 0:
		return &InvalidError{What: "value", Rule: "must not be empty"}
	case len(value) > MaxValue:
		return &InvalidError{What: "value", Rule: fmt.Sprintf("is %d bytes long, more than %d", len(value), MaxValue)}
	}
	return nil
}

// CheckTTL refuses a time to live that is shorter than [MinTTL] or than least, the
// backend's declared minimum.
func CheckTTL(ttl, least time.Duration) error {
	if least = max(least, MinTTL); ttl < least {
		return &InvalidError{What: "ttl", Got: ttl.String(), Rule: fmt.Sprintf("must be at least %v", least)}
	}
	return nil
}

// Check refuses a claim that breaks a rule. The TTL must be at least [MinTTL] and at
// least least, the backend's declared minimum.
func (c Claim) Check(least time.Duration) error {
	if err := CheckKey(c.Key); err != nil {
		return err
	}
	if c.Nonce == (Nonce{}) {
		return &InvalidError{Key: c.Key, What: "nonce", Rule: "must not be zero"}
	}
	return forKey(c.Key, cmp.Or(CheckValue(c.Value), CheckTTL(c.TTL, least)))
}

// forKey names the key in the error of another argument.
func forKey(key string, err error) error {
	if invalid, ok := err.(*InvalidError); ok {
		invalid.Key = key
	}
	return err
}

// Check refuses a renewal that breaks a rule. Without a value the sequence may be zero.
func (r Renewal) Check() error {
	if err := checkTarget(r.Key, r.Token); err != nil {
		return err
	}
	if len(r.Value) == 0 {
		return nil
	}
	return checkNext(r.Key, r.Seq, r.Value)
}

// Check refuses an update that breaks a rule.
func (u Update) Check() error {
	if err := checkTarget(u.Key, u.Token); err != nil {
		return err
	}
	return checkNext(u.Key, u.Seq, u.Value)
}

// checkTarget checks the key and token of a renewal or an update.
func checkTarget(key string, token Token) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if token == 0 {
		return &InvalidError{Key: key, What: "token", Rule: "must not be zero"}
	}
	return nil
}

// checkNext checks a new value and its sequence.
func checkNext(key string, seq uint64, value []byte) error {
	if err := CheckValue(value); err != nil {
		return forKey(key, err)
	}
	if seq == 0 {
		return &InvalidError{Key: key, What: "sequence", Rule: "must not be zero"}
	}
	return nil
}

// Check refuses a reference that does not have exactly one of token and nonce.
func (r LeaseRef) Check() error {
	if (r.Token == 0) == (r.Nonce == Nonce{}) {
		return &InvalidError{What: "lease reference", Rule: "must have either a token or a nonce"}
	}
	return nil
}

// Check refuses a deletion that breaks a rule.
func (d Deletion) Check() error {
	if err := CheckKey(d.Key); err != nil {
		return err
	}
	return forKey(d.Key, d.Ref.Check())
}

// quote quotes a name for a message and shortens a long name.
func quote(name string) string {
	const most = 64
	if len(name) > most {
		return strconv.Quote(name[:most]) + "…"
	}
	return strconv.Quote(name)
}
