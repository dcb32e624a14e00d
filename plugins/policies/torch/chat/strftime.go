package chat

import (
	"fmt"
	"strings"
	"time"
)

// strftimeForms are Go's forms of the directives of Python's strftime, in the C locale.
var strftimeForms = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM",
	'S': "05", 'y': "06", 'Y': "2006", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'e': "_2", 'Z': "MST", 'z': "-0700",
}

// strftime is the function strftime_now of chat templates.
func strftime(now time.Time, args []any) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("strftime_now takes one argument, found %d", len(args))
	}
	format, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("strftime_now: expected a format, found %v", args[0])
	}
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		form, known := strftimeForms[format[i]]
		switch {
		case format[i] == '%':
			out.WriteByte('%')
		case known:
			out.WriteString(now.Format(form))
		default:
			return nil, fmt.Errorf("strftime_now: the directive %%%c is not supported", format[i])
		}
	}
	return out.String(), nil
}
