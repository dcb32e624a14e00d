package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// Encode writes a struct of strings, integers, booleans, slices, pointers and such structs, byte for byte: texts need not be UTF-8,
// as JSON's must. Both ends are the same program, so there are no names and no versions. Fields of other kinds are our own mistake.
func Encode(v any) []byte { return appendValue(nil, reflect.ValueOf(v)) }

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int64, reflect.Int32:
		return binary.AppendVarint(b, v.Int())
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	case reflect.Slice:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
		return b
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendValue(append(b, 1), v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i))
		}
		return b
	default:
		panic(fmt.Sprintf("worker: a value of type %s cannot be sent", v.Type()))
	}
}

// Decode reads what Encode wrote into the struct that to points to. Empty slices come back nil.
func Decode(b []byte, to any) error {
	rest, err := decodeValue(b, reflect.ValueOf(to).Elem())
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	if err != nil {
		return fmt.Errorf("worker: decode a message: %w", err)
	}
	return nil
}

var errShort = errors.New("it ends too early")

func decodeValue(b []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Bool:
		set, b, err := decodeFlag(b)
		v.SetBool(set)
		return b, err
	case reflect.Int, reflect.Int64, reflect.Int32:
		x, n := binary.Varint(b)
		if n <= 0 || v.OverflowInt(x) {
			return nil, errors.New("a number is cut off or too large")
		}
		v.SetInt(x)
		return b[n:], nil
	case reflect.String:
		n, b, err := decodeLength(b)
		if err != nil {
			return nil, err
		}
		v.SetString(string(b[:n]))
		return b[n:], nil
	case reflect.Slice:
		n, b, err := decodeLength(b)
		if err != nil || n == 0 {
			return b, err
		}
		for range n { // grown as elements come: the length alone takes no memory
			e := reflect.New(v.Type().Elem()).Elem()
			if b, err = decodeValue(b, e); err != nil {
				return nil, err
			}
			v.Set(reflect.Append(v, e))
		}
		return b, nil
	case reflect.Pointer:
		set, b, err := decodeFlag(b)
		if err != nil || !set {
			return b, err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return decodeValue(b, v.Elem())
	case reflect.Struct:
		var err error
		for i := range v.NumField() {
			if b, err = decodeValue(b, v.Field(i)); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", v.Type().Name(), v.Type().Field(i).Name, err)
			}
		}
		return b, nil
	default:
		panic(fmt.Sprintf("worker: a value of type %s cannot be received", v.Type()))
	}
}

func decodeFlag(b []byte) (bool, []byte, error) {
	if len(b) == 0 {
		return false, nil, errShort
	}
	if b[0] > 1 {
		return false, nil, errors.New("a flag is neither 0 nor 1")
	}
	return b[0] == 1, b[1:], nil
}

// decodeLength reads a count of bytes or elements, each of which takes at least a byte.
func decodeLength(b []byte) (int, []byte, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return 0, nil, errShort
	}
	return int(n), b[k:], nil
}
