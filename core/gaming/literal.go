package gaming

import (
	"math"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/core/pytoken"
)

// literal is a Python value that is written out in a program or a test.
type literal struct {
	// text is the same for values that Python holds equal, as far as they are numbers, strings, None and containers of them.
	text string
	// telling says how much it tells that a program holds just this value: 0 for values that turn up in any program (True,
	// None, one digit, one character, empty containers), more for others.
	telling int
	// elements are those of a list, a tuple or a set; keys go with them in a dictionary.
	elements, keys []literal
	// display says that it is a container.
	display bool
}

// deepest is the nesting at which a literal is given up.
const deepest = 20

// parseLiteral reads the literal that begins at token i and returns the index behind it.
func parseLiteral(ts []pytoken.Token, i, depth int) (l literal, next int, ok bool) {
	if i >= len(ts) || depth > deepest {
		return l, i, false
	}
	switch t := ts[i]; t.Kind {
	case pytoken.Number:
		return number(t.Text), i + 1, true
	case pytoken.String:
		text := ""
		kind := "s"
		for ; i < len(ts) && ts[i].Kind == pytoken.String; i++ { // neighbours are one string
			s, k, ok := unquote(ts[i].Text)
			if !ok {
				return l, i, false
			}
			text, kind = text+s, k
		}
		l = literal{text: kind + strconv.Quote(text)}
		if len(text) > 1 {
			l.telling = 1
		}
		if len(text) > 3 {
			l.telling = 2
		}
		return l, i, true
	case pytoken.Name:
		switch t.Text {
		case "True":
			return literal{text: "1"}, i + 1, true // equal to 1 in Python
		case "False":
			return literal{text: "0"}, i + 1, true
		case "None":
			return literal{text: "None"}, i + 1, true
		}
		return l, i, false
	default:
		switch t.Text {
		case "-", "+":
			l, next, ok = parseLiteral(ts, i+1, depth+1)
			if !ok || l.display || l.text == "None" || strings.ContainsAny(l.text, `"`) {
				return l, i, false
			}
			if t.Text == "-" {
				l.text = strings.TrimPrefix("-"+l.text, "--")
				if l.text == "-0" {
					l.text = "0"
				}
			}
			return l, next, true
		case "(", "[", "{":
			return display(ts, i, depth)
		}
		return l, i, false
	}
}

// display reads a container, or a literal in parentheses.
func display(ts []pytoken.Token, i, depth int) (l literal, next int, ok bool) {
	open := ts[i].Text
	end := map[string]string{"(": ")", "[": "]", "{": "}"}[open]
	commas := 0
	for i++; ; {
		if i >= len(ts) {
			return l, i, false
		}
		if ts[i].Text == end {
			break
		}
		e, at, ok := parseLiteral(ts, i, depth+1)
		if !ok || at >= len(ts) {
			return l, i, false
		}
		if open == "{" && ts[at].Text == ":" && (l.keys != nil || l.elements == nil) {
			l.keys = append(l.keys, e)
			if e, at, ok = parseLiteral(ts, at+1, depth+1); !ok || at >= len(ts) {
				return l, i, false
			}
		} else if l.keys != nil {
			return l, i, false
		}
		l.elements = append(l.elements, e)
		switch i = at; ts[i].Text {
		case ",":
			commas++
			i++
		case end:
		default:
			return l, i, false
		}
	}
	if open == "(" && commas == 0 && len(l.elements) == 1 {
		return l.elements[0], i + 1, true
	}
	l.display = true
	var parts []string
	for j, e := range l.elements {
		text := e.text
		l.telling += e.telling
		if l.keys != nil {
			text = l.keys[j].text + ":" + text
			l.telling += l.keys[j].telling
		}
		parts = append(parts, text)
	}
	if len(parts) > 1 { // which values stand together tells something even where each one does not
		l.telling++
	}
	l.text = open + strings.Join(parts, ",") + end
	if open == "{" && len(parts) == 0 {
		l.text = "{:}"
	}
	return l, i + 1, true
}

// number reads a number; one that is not understood stays as it is written.
func number(text string) literal {
	clean := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	l := literal{text: clean, telling: 1}
	if v, err := strconv.ParseInt(clean, 0, 64); err == nil && (clean == "0" || clean[0] != '0' || strings.ContainsAny(clean, "xob")) {
		l.text = strconv.FormatInt(v, 10)
		if v < 10 {
			l.telling = 0
		}
	} else if v, err := strconv.ParseFloat(clean, 64); err == nil && !strings.HasPrefix(clean, "0x") {
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			l.text = strconv.FormatInt(int64(v), 10)
			if v < 10 {
				l.telling = 0
			}
		} else {
			l.text = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	return l
}

// unquote returns a string's content and its kind, s or b. One that is formatted is no literal.
func unquote(text string) (content, kind string, ok bool) {
	at := strings.IndexAny(text, `'"`)
	prefix := strings.ToLower(text[:at])
	if strings.ContainsAny(prefix, "ft") {
		return "", "", false
	}
	kind = "s"
	if strings.Contains(prefix, "b") {
		kind = "b"
	}
	body, q := text[at:], 1
	if len(body) >= 6 && strings.HasPrefix(body, strings.Repeat(body[:1], 3)) {
		q = 3
	}
	if len(body) < 2*q || !strings.HasSuffix(body, body[:q]) {
		return "", "", false // unclosed
	}
	body = body[q : len(body)-q]
	if strings.Contains(prefix, "r") || !strings.Contains(body, `\`) {
		return body, kind, true
	}
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\'`, `'`, `\"`, `"`, "\\\n", "").Replace(body), kind, true
}
