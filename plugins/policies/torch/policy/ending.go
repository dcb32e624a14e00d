package policy

import "strings"

// ending turns a completion's tokens into text and finds stop texts in it.
type ending interface {
	// push adds a token and says whether a stop text is complete.
	push(id int32) (stop bool)
	// text is the whole text, cut before the stop text.
	text() string
}

// decoder turns tokens into text as they come: Push returns what is final, Flush the rest.
type decoder interface {
	Push(id int32) string
	Flush() string
}

// textEnding looks for stop texts in decoded text, where they may begin and end within tokens.
type textEnding struct {
	stops   []string
	longest int
	stream  decoder
	seen    strings.Builder
	cut     int // where the stop text begins, or -1
}

func newTextEnding(d decoder, stops []string) *textEnding {
	e := &textEnding{stream: d, cut: -1}
	for _, s := range stops {
		if s == "" {
			continue
		}
		e.stops = append(e.stops, s)
		e.longest = max(e.longest, len(s))
	}
	return e
}

func (e *textEnding) push(id int32) bool {
	from := max(0, e.seen.Len()-e.longest+1)
	e.seen.WriteString(e.stream.Push(id))
	return e.find(from)
}

// find looks for the first stop text that begins at from or later.
func (e *textEnding) find(from int) bool {
	tail := e.seen.String()[from:]
	for _, s := range e.stops {
		if i := strings.Index(tail, s); i >= 0 && (e.cut < 0 || from+i < e.cut) {
			e.cut = from + i
		}
	}
	return e.cut >= 0
}

func (e *textEnding) text() string {
	if e.cut < 0 {
		e.seen.WriteString(e.stream.Flush())
		return e.seen.String()
	}
	return e.seen.String()[:e.cut]
}
