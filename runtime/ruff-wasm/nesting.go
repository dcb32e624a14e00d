package ruffwasm

// maxNesting is the number of brackets that may be open at once. Far beyond it Ruff's parser fills a stack: its own,
// which is part of the module, or wazero's, whose size in frames depends on the processor. The limit comes before both,
// so that the answer is the same everywhere. CPython refuses more than 200.
const maxNesting = 1000

// nestingExceeds says that more than limit brackets are open at some place of src. Brackets in strings and comments count
// too: that takes no lexer, and what it refuses wrongly would need a thousand unmatched brackets in its text.
func nestingExceeds(src string, limit int) bool {
	depth := 0
	for i := range len(src) {
		switch src[i] {
		case '(', '[', '{':
			if depth++; depth > limit {
				return true
			}
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return false
}
