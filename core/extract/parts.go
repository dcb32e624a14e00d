package extract

import "strings"

// maxParts bounds the blocks that are looked at.
const maxParts = 16

// withParts puts before the chosen block the blocks that define or import what it uses and does not define: some models explain a
// program piece by piece. Blocks with a definition of their own of the entry point are other attempts, not parts.
func withParts(cs []candidate, chosen candidate, entry string) string {
	text, at := chosen.text, -1
	for i, c := range cs {
		if c == chosen {
			at = i
		}
	}
	for i := at - 1; i >= max(0, at-maxParts) && chosen.how == Fenced; i-- {
		c := cs[i]
		if c.how != Fenced || (entry != "" && defines(c.text, entry)) {
			continue
		}
		if brings(c.text, text) {
			text = strings.TrimRight(c.text, "\n") + "\n" + text
		}
	}
	return text
}

// brings says that lines at the margin of part define or import a name that text uses and does not define.
func brings(part, text string) bool {
	missing := words(text)
	for _, name := range names(text) {
		delete(missing, name)
	}
	for _, name := range names(part) {
		if missing[name] {
			return true
		}
	}
	return false
}

// names are what the functions, classes, imports and assignments at the margin of a text are called.
func names(text string) (out []string) {
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		first, rest := word(line)
		rest = strings.TrimLeft(rest, " \t")
		switch first {
		case "":
		case "async", "def", "class":
			name, after := word(rest)
			if name == "def" {
				name, _ = word(strings.TrimLeft(after, " \t"))
			}
			out = append(out, name)
		case "import", "from":
			_, imported, found := strings.Cut(line, "import ")
			if !found {
				continue
			}
			for piece := range strings.SplitSeq(imported, ",") {
				fields := strings.Fields(strings.Trim(strings.TrimSpace(piece), "()"))
				if len(fields) > 0 {
					name, _ := word(fields[len(fields)-1])
					out = append(out, name)
				}
			}
		default:
			if strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") {
				out = append(out, first)
			}
		}
	}
	return out
}

// words are the names in a text.
func words(text string) map[string]bool {
	out := map[string]bool{}
	for text != "" {
		name, rest := word(text)
		if name == "" {
			text = text[1:]
			continue
		}
		out[name] = true
		text = rest
	}
	return out
}
