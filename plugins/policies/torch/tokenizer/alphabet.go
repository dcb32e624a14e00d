package tokenizer

// Vocabularies write bytes as printable characters (Radford et al. 2019, byte-level BPE): a printable Latin-1 byte stands for
// itself, the others are numbered from U+0100 on.

// runeBytes is the byte that each character of the alphabet stands for.
var runeBytes = alphabet()

func alphabet() map[rune]byte {
	to := make(map[rune]byte, 256)
	next := rune(256)
	for b := range rune(256) {
		r := b
		if b < '!' || b > '~' && b < '¡' || b == 0xad {
			r = next
			next++
		}
		to[r] = byte(b)
	}
	return to
}

// tokenBytes returns the bytes that a vocabulary's entry stands for. An entry with a character outside of the alphabet stands
// for its own UTF-8 and is never the result of a merge; ok is then false.
func tokenBytes(entry string) (text string, ok bool) {
	out := make([]byte, 0, len(entry))
	for _, r := range entry {
		b, known := runeBytes[r]
		if !known {
			return entry, false
		}
		out = append(out, b)
	}
	return string(out), true
}
