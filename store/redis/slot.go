package redisstore

import (
	"strconv"
	"strings"
	"sync"
)

// slots is how many slots a Redis Cluster spreads its keys over.
const slots = 16384

// slotOf returns the slot of a key: a checksum of its tag, if it has one, else of the
// whole key.
func slotOf(key string) int {
	if tag, ok := tagOf(key); ok {
		key = tag
	}
	return int(crc16(key) % slots)
}

// tagOf returns the text between the first "{" and the next "}", if there is any. All keys
// that begin with that have the same tag. See the Redis Cluster specification, "Hash tags".
func tagOf(key string) (tag string, ok bool) {
	_, rest, _ := strings.Cut(key, "{")
	tag, _, ok = strings.Cut(rest, "}")
	return tag, ok && tag != ""
}

// tags holds for each slot the shortest text that hashes to it. With one of them
// in braces a name can be made for the slot of any key, which cannot be done with
// the key itself: it may have braces of its own. The tags are the numbers from 0 in base 36, and the
// sum of each is that of the number without its last digit, and the digit: a program that runs a
// moment waits for this table.
var tags = sync.OnceValue(func() *[slots]string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var tags [slots]string
	sums := make([]uint16, 0, 1<<18)
	for n, missing := 0, slots; missing > 0; n++ {
		var before uint16
		if n >= len(digits) {
			before = sums[n/len(digits)]
		}
		sum := crc16Add(before, digits[n%len(digits)])
		sums = append(sums, sum)
		if slot := sum % slots; tags[slot] == "" {
			tags[slot] = strconv.FormatInt(int64(n), len(digits))
			missing--
		}
	}
	return &tags
})

// crc16 is CRC-16/XMODEM, as in appendix A of the Redis Cluster specification.
func crc16(s string) uint16 {
	var sum uint16
	for i := range len(s) {
		sum = crc16Add(sum, s[i])
	}
	return sum
}

// crc16Add is the sum of a text whose sum was that before its last byte.
func crc16Add(sum uint16, last byte) uint16 { return sum<<8 ^ crc16Table[byte(sum>>8)^last] }

var crc16Table = func() (table [256]uint16) {
	const polynomial = 0x1021
	for i := range table {
		sum := uint16(i) << 8
		for range 8 {
			carry := sum&0x8000 != 0
			sum <<= 1
			if carry {
				sum ^= polynomial
			}
		}
		table[i] = sum
	}
	return table
}()
