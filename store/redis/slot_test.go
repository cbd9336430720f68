package redisstore

import (
	"strconv"
	"strings"
	"testing"
)

// The check value of the Redis Cluster specification, appendix A.
func TestCRC16(t *testing.T) {
	if got := crc16("123456789"); got != 0x31C3 {
		t.Errorf("%#04x, want 0x31c3", got)
	}
}

func TestSlotOf(t *testing.T) {
	for key, hashed := range map[string]string{
		"foo":                         "foo",
		"{user1000}.following":        "user1000",
		"foo{}{bar}":                  "foo{}{bar}",
		"foo{{bar}}zap":               "{bar",
		"foo{bar}{zap}":               "bar",
		"a}b":                         "a}b",
		"{}x":                         "{}x",
		"a{}b":                        "a{}b",
		"{x}y":                        "x",
		"a{b":                         "a{b",
		"}{x}":                        "x",
		strings.Repeat("k", 512):      strings.Repeat("k", 512),
		"{" + strings.Repeat("k", 99): "{" + strings.Repeat("k", 99),
	} {
		if got, want := slotOf(key), int(crc16(hashed))%slots; got != want {
			t.Errorf("slot of %q is %d, want that of %q, %d", key, got, hashed, want)
		}
	}
	if got := slotOf("foo"); got != 12182 { // CLUSTER KEYSLOT foo
		t.Errorf("slot of foo is %d", got)
	}
}

// The names of fences have tags in them, so a slot never gets another.
func TestEachSlotHasATag(t *testing.T) {
	first := make(map[int]string)
	for n := int64(0); len(first) < slots; n++ {
		tag := strconv.FormatInt(n, 36)
		if slot := int(crc16(tag)) % slots; first[slot] == "" {
			first[slot] = tag
		}
	}
	for slot, tag := range tags() {
		if tag != first[slot] {
			t.Fatalf("the tag of slot %d is %q, want %q", slot, tag, first[slot])
		}
		if tag == "" || slotOf("{"+tag+"}") != slot {
			t.Fatalf("the tag of slot %d is %q", slot, tag)
		}
	}
}

// A list reads every index once, whatever their order.
func TestIndicesOfAllSlots(t *testing.T) {
	l := newLayout("leasehold:", 0, true)
	seen := make(map[string]bool)
	for _, index := range l.indices("") {
		seen[index] = true
	}
	for slot := range slots {
		if !seen[l.index(slot)] {
			t.Fatalf("the index of slot %d is not read", slot)
		}
	}
	if n := len(l.indices("")); n != slots {
		t.Errorf("%d indices are read, want %d", n, slots)
	}
	for prefix, want := range map[string]int{"a{b}": 1, "{b}c": 1, "{b": slots, "b}": slots, "{}b": slots, "{}{b}": slots} {
		if n := len(l.indices(prefix)); n != want {
			t.Errorf("%d indices are read for %q, want %d", n, prefix, want)
		}
	}
}

// specified is the slot of a key as the Redis Cluster specification tells it, a bit at
// a time: CRC-16 with the polynomial 0x1021, from zero, nothing reflected.
func specified(key string) int {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if length := strings.IndexByte(key[open+1:], '}'); length > 0 {
			key = key[open+1 : open+1+length]
		}
	}
	var sum uint32
	for _, b := range []byte(key) {
		for bit := 7; bit >= 0; bit-- {
			sum = sum<<1 ^ uint32(b>>bit&1)<<16
			if sum&0x10000 != 0 {
				sum ^= 0x11021
			}
		}
	}
	return int(sum % 16384)
}

// All names of a record must share its slot, whatever its key, and the slot must be
// the one that a Cluster has for it.
func FuzzTag(f *testing.F) {
	for _, key := range []string{
		"", "123456789", "a}b", "{}x", "a{}b", "{x}y", "}{", "{{a}}", "{a}{b}", "{\n}", "a{b", "{", "}",
		"a\x00{\xff}", "leasehold:{1}", strings.Repeat("{", 512), strings.Repeat("k", 256) + "{" + strings.Repeat("}", 255),
	} {
		f.Add(key)
	}
	if got := specified("123456789"); got != 0x31C3 { // the check value, less than the number of slots
		f.Fatalf("the specification's checksum is %#04x, want 0x31c3", got)
	}
	l := newLayout("leasehold:", 0, true)
	f.Fuzz(func(t *testing.T, key string) {
		n := l.of(key)
		slot := slotOf(key)
		if slot != specified(key) {
			t.Errorf("%q is put into slot %d, a Cluster has it in %d", key, slot, specified(key))
		}
		for _, name := range []string{n.key, n.fence, l.index(n.slot)} {
			if slotOf(name) != slot {
				t.Errorf("%q is in slot %d, its key in %d", name, slotOf(name), slot)
			}
		}
		for end := range len(key) {
			if _, ok := tagOf(key[:end]); ok && l.indices(key[:end])[0] != l.index(n.slot) {
				t.Errorf("a list of %q does not read the index of %q", key[:end], key)
			}
		}
		if !strings.HasSuffix(n.fence, key) {
			t.Errorf("the fence %q does not tell its key", n.fence)
		}
	})
}
