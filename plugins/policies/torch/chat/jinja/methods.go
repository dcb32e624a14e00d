package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type stringMethod func(s *state, v string, args []any, kwargs *Dict) any

// stringMethods are Python's methods of str.
var stringMethods map[string]stringMethod

var dictMethods = map[string]func(s *state, d *Dict, args []any, kwargs *Dict) any{
	"items":  func(s *state, d *Dict, _ []any, _ *Dict) any { return s.pairs(d) },
	"keys":   func(s *state, d *Dict, _ []any, _ *Dict) any { s.work(len(d.keys)); return NewList(d.keys...) },
	"values": func(s *state, d *Dict, _ []any, _ *Dict) any { s.work(len(d.keys)); return NewList(d.values...) },
	"get": func(s *state, d *Dict, args []any, kwargs *Dict) any {
		b := bound{"dict.get", args, kwargs}
		if v, ok := d.Get(b.need(s, 0, "key")); ok {
			return v
		}
		return b.or(1, "default", nil)
	},
	"copy": func(s *state, d *Dict, _ []any, _ *Dict) any { return s.copyDict(d) },
}

var listMethods = map[string]func(s *state, l *List, args []any, kwargs *Dict) any{
	"count": func(s *state, l *List, args []any, kwargs *Dict) any {
		n, want := int64(0), bound{"list.count", args, kwargs}.need(s, 0, "value")
		for _, v := range l.Items {
			if s.equal(v, want, 0) {
				n++
			}
		}
		return n
	},
	"index": func(s *state, l *List, args []any, kwargs *Dict) any {
		want := bound{"list.index", args, kwargs}.need(s, 0, "value")
		for i, v := range l.Items {
			if s.equal(v, want, 0) {
				return int64(i)
			}
		}
		fail(s.line, "the value is not in the list")
		return nil
	},
	"copy": func(s *state, l *List, _ []any, _ *Dict) any {
		s.work(len(l.Items))
		return &List{append([]any(nil), l.Items...), l.Tuple}
	},
}

func (s *state) copyDict(d *Dict) *Dict {
	s.work(len(d.keys))
	out := &Dict{}
	for i, k := range d.keys {
		out.Set(k, d.values[i])
	}
	return out
}

// pairs lists a dict's entries as tuples.
func (s *state) pairs(d *Dict) *List {
	s.work(2 * len(d.keys))
	out := &List{}
	for i, k := range d.keys {
		out.Items = append(out.Items, &List{[]any{k, d.values[i]}, true})
	}
	return out
}

func init() { // the table's functions refer to it by way of the state's methods
	plain := func(f func(string) string) stringMethod {
		return func(s *state, v string, _ []any, _ *Dict) any { return s.made(f(v)) }
	}
	every := func(class func(rune) bool) stringMethod {
		return func(s *state, v string, _ []any, _ *Dict) any {
			s.work(len(v) / 8)
			return v != "" && strings.IndexFunc(v, func(r rune) bool { return !class(r) }) < 0
		}
	}
	stringMethods = map[string]stringMethod{
		"upper": plain(strings.ToUpper), "lower": plain(strings.ToLower), "title": plain(title), "capitalize": plain(capitalize),
		"isdigit": every(unicode.IsDigit), "isalpha": every(unicode.IsLetter), "isspace": every(isSpace),
		"isalnum": every(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isupper": func(_ *state, v string, _ []any, _ *Dict) any {
			return v != strings.ToLower(v) && v == strings.ToUpper(v)
		},
		"islower": func(_ *state, v string, _ []any, _ *Dict) any {
			return v != strings.ToUpper(v) && v == strings.ToLower(v)
		},
		"strip":  stripMethod("strip", strings.TrimFunc),
		"lstrip": stripMethod("lstrip", strings.TrimLeftFunc),
		"rstrip": stripMethod("rstrip", strings.TrimRightFunc),
		"split":  func(s *state, v string, args []any, kwargs *Dict) any { return s.split(v, args, kwargs, false) },
		"rsplit": func(s *state, v string, args []any, kwargs *Dict) any { return s.split(v, args, kwargs, true) },
		"splitlines": func(s *state, v string, _ []any, _ *Dict) any {
			s.work(len(v))
			out := &List{}
			for _, line := range splitLines(v) {
				out.Items = append(out.Items, line)
			}
			return out
		},
		"startswith":   affix("startswith", strings.HasPrefix),
		"endswith":     affix("endswith", strings.HasSuffix),
		"removeprefix": cutMethod("removeprefix", strings.TrimPrefix),
		"removesuffix": cutMethod("removesuffix", strings.TrimSuffix),
		"replace": func(s *state, v string, args []any, kwargs *Dict) any {
			b := bound{"str.replace", args, kwargs}
			return s.replace(v, b.text(s, 0, "old"), b.text(s, 1, "new"), b.int(s, 2, "count", -1))
		},
		"join": func(s *state, v string, args []any, kwargs *Dict) any {
			b := bound{"str.join", args, kwargs}
			for _, item := range s.iterate(b.need(s, 0, "iterable")) {
				if _, ok := item.(string); !ok {
					fail(s.line, "str.join: expected str, found %s", typeName(item))
				}
			}
			return s.join(s.iterate(b.args[0]), v)
		},
		"find":  findMethod("find", strings.Index),
		"rfind": findMethod("rfind", strings.LastIndex),
		"count": func(s *state, v string, args []any, kwargs *Dict) any {
			s.work(len(v))
			return int64(strings.Count(v, bound{"str.count", args, kwargs}.text(s, 0, "sub")))
		},
		"partition":  partition("partition", strings.Index),
		"rpartition": partition("rpartition", strings.LastIndex),
		"zfill": func(s *state, v string, args []any, kwargs *Dict) any {
			missing := bound{"str.zfill", args, kwargs}.int(s, 0, "width", 0) - int64(utf8.RuneCountInString(v))
			zeros, _ := s.repeat("0", missing)
			sign := ""
			if v != "" && (v[0] == '-' || v[0] == '+') {
				sign, v = v[:1], v[1:]
			}
			text, _ := zeros.(string)
			return sign + text + v
		},
	}
}

// splitLines is Python's str.splitlines for the line ends that occur in practice.
func splitLines(v string) []string {
	if v == "" {
		return nil
	}
	v = strings.ReplaceAll(strings.ReplaceAll(v, "\r\n", "\n"), "\r", "\n")
	return strings.Split(strings.TrimSuffix(v, "\n"), "\n")
}

func stripMethod(id string, trim func(string, func(rune) bool) string) stringMethod {
	return func(s *state, v string, args []any, kwargs *Dict) any {
		chars := bound{"str." + id, args, kwargs}.or(0, "chars", nil)
		if chars == nil {
			return s.made(trim(v, isSpace))
		}
		set, ok := chars.(string)
		if !ok {
			fail(s.line, "str.%s: expected str, found %s", id, typeName(chars))
		}
		s.work(len(v)/8 + len(set))
		return trim(v, func(r rune) bool { return strings.ContainsRune(set, r) })
	}
}

func affix(id string, has func(v, part string) bool) stringMethod {
	return func(s *state, v string, args []any, kwargs *Dict) any {
		b := bound{"str." + id, args, kwargs}
		several, ok := b.need(s, 0, "prefix").(*List)
		if !ok {
			return has(v, b.text(s, 0, "prefix"))
		}
		for _, part := range several.Items {
			if text, ok := part.(string); ok && has(v, text) {
				return true
			}
		}
		return false
	}
}

func cutMethod(id string, cut func(v, part string) string) stringMethod {
	return func(s *state, v string, args []any, kwargs *Dict) any {
		return s.made(cut(v, bound{"str." + id, args, kwargs}.text(s, 0, "part")))
	}
}

func findMethod(id string, find func(v, part string) int) stringMethod {
	return func(s *state, v string, args []any, kwargs *Dict) any {
		s.work(len(v) / 8)
		at := find(v, bound{"str." + id, args, kwargs}.text(s, 0, "sub"))
		if at < 0 {
			return int64(-1)
		}
		return int64(utf8.RuneCountInString(v[:at]))
	}
}

func partition(id string, find func(v, part string) int) stringMethod {
	return func(s *state, v string, args []any, kwargs *Dict) any {
		s.work(len(v) / 8)
		sep := bound{"str." + id, args, kwargs}.text(s, 0, "sep")
		at := find(v, sep)
		parts := []any{v, "", ""}
		switch {
		case sep == "":
			fail(s.line, "str.%s: empty separator", id)
		case at >= 0:
			parts = []any{v[:at], sep, v[at+len(sep):]}
		case id == "rpartition":
			parts = []any{"", "", v}
		}
		return &List{parts, true}
	}
}

// split is Python's str.split and, from the right, str.rsplit.
func (s *state) split(v string, args []any, kwargs *Dict, right bool) any {
	s.work(len(v))
	b := bound{"str.split", args, kwargs}
	limit := b.int(s, 1, "maxsplit", -1)
	sep, given := b.or(0, "sep", nil).(string)
	if given && sep == "" {
		fail(s.line, "str.split: empty separator")
	}
	var parts []string
	for rest := v; ; {
		before, after, found := cutOnce(rest, sep, given, right)
		if !found || limit >= 0 && int64(len(parts)) >= limit {
			if given || rest != "" {
				parts = append(parts, trimEnds(rest, given, right))
			}
			break
		}
		parts = append(parts, before)
		rest = after
	}
	out := &List{}
	for i := range parts {
		if right {
			i = len(parts) - 1 - i
		}
		out.Items = append(out.Items, parts[i])
	}
	if !given && len(out.Items) == 1 && out.Items[0] == "" {
		out.Items = nil
	}
	return out
}

// trimEnds removes white space where what is left of a text is not split further.
func trimEnds(v string, given, right bool) string {
	switch {
	case given:
		return v
	case right:
		return strings.TrimRightFunc(v, isSpace)
	}
	return strings.TrimLeftFunc(v, isSpace)
}

// cutOnce takes one part off a text, at a separator or, without one, at white space.
func cutOnce(v, sep string, given, right bool) (part, rest string, found bool) {
	if given {
		if right {
			at := strings.LastIndex(v, sep)
			if at < 0 {
				return "", "", false
			}
			return v[at+len(sep):], v[:at], true
		}
		return strings.Cut(v, sep)
	}
	if right {
		v = strings.TrimRightFunc(v, isSpace)
		at := strings.LastIndexFunc(v, isSpace)
		if at < 0 {
			return "", "", false
		}
		_, n := utf8.DecodeRuneInString(v[at:])
		return v[at+n:], strings.TrimRightFunc(v[:at], isSpace), true
	}
	v = strings.TrimLeftFunc(v, isSpace)
	at := strings.IndexFunc(v, isSpace)
	if at < 0 {
		return "", "", false
	}
	return v[:at], strings.TrimLeftFunc(v[at:], isSpace), true
}

func (s *state) replace(v, old, with string, count int64) string {
	n := int64(strings.Count(v, old))
	if count >= 0 {
		n = min(n, count)
	}
	s.work(len(v) / 8)
	if grow := int64(len(with) - len(old)); grow > 0 && n > int64(maxWork)*8/grow {
		fail(s.line, "%w", errWork)
	} else if grow > 0 {
		s.work(int(n * grow / 8))
	}
	return strings.Replace(v, old, with, int(n))
}

func (s *state) join(items []any, sep string) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = s.str(item)
		s.work((len(parts[i])+len(sep))/8 + 1)
	}
	return strings.Join(parts, sep)
}

// capitalize makes the first character a capital and the others small.
func capitalize(v string) string {
	r, n := utf8.DecodeRuneInString(v)
	if n == 0 {
		return ""
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(v[n:])
}

// title makes the first letter of every word a capital: a word follows what is no letter.
func title(v string) string {
	var out strings.Builder
	inside := false
	for _, r := range v {
		if inside {
			out.WriteRune(unicode.ToLower(r))
		} else {
			out.WriteRune(unicode.ToTitle(r))
		}
		inside = unicode.IsLetter(r)
	}
	return out.String()
}
