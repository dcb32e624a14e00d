package ruffwasm

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero/api"
)

// hostFunc is one function of wasm-bindgen's JavaScript: arguments come in stack, the result goes to stack[0].
type hostFunc func(ctx context.Context, in *instance, stack []uint64)

// imports are the functions that Ruff's linter reaches, under the names of release 0.17.4. The hash in a name is of its
// signature in Rust. Six of them serve a check: new array and object, set on both, and the casts of numbers and strings;
// the others read the settings when an instance is made.
var imports = map[string]hostFunc{
	// Making values.
	"__wbg_new_0b303268aa395a38": func(_ context.Context, in *instance, stack []uint64) { // new Array()
		_, r := in.heap.add(list)
		stack[0] = uint64(r)
	},
	"__wbg_new_20b778a4c5c691c3": func(_ context.Context, in *instance, stack []uint64) { // new Object()
		_, r := in.heap.add(record)
		stack[0] = uint64(r)
	},
	"__wbg_set_da33c120a6584674": func(_ context.Context, in *instance, stack []uint64) { // array[i] = x
		in.heap.at(ref(stack[0])).put(int(uint32(stack[1])), ref(stack[2]))
	},
	"__wbg_set_6be42768c690e380": func(_ context.Context, in *instance, stack []uint64) { // object[key] = x
		in.heap.at(ref(stack[0])).set(in.heap.at(ref(stack[1])).key(), ref(stack[2]))
	},
	"__wbindgen_cast_0000000000000001": func(_ context.Context, in *instance, stack []uint64) { // f64
		stack[0] = uint64(in.heap.addNumber(api.DecodeF64(stack[0])))
	},
	"__wbindgen_cast_0000000000000003": func(_ context.Context, in *instance, stack []uint64) { // &str
		stack[0] = uint64(in.str(uint32(stack[0]), uint32(stack[1])))
	},
	"__wbg_Error_9dc85fe1bc224456": func(_ context.Context, in *instance, stack []uint64) { // Error(message)
		v, r := in.heap.add(failure)
		v.text = in.read(uint32(stack[0]), uint32(stack[1]))
		stack[0] = uint64(r)
	},

	// Reading the settings.
	"__wbg_entries_5a6a7e7e0df09fe5": func(_ context.Context, in *instance, stack []uint64) { // Object.entries(x)
		fields := in.heap.at(ref(stack[0])).fields
		_, out := in.heap.add(list)
		for i, f := range fields {
			key := in.heap.addText(f.name)
			pair, r := in.heap.add(list)
			pair.items = append(pair.items, key, f.value)
			in.heap.at(out).put(i, r)
		}
		stack[0] = uint64(out)
	},
	"__wbg_get_with_ref_key_6412cf3094599694": func(_ context.Context, in *instance, stack []uint64) { // object[key]
		stack[0] = uint64(in.heap.at(ref(stack[0])).property(in.heap.at(ref(stack[1]))))
	},
	"__wbg_get_44e98e27bda25b5b": func(_ context.Context, in *instance, stack []uint64) { // Reflect.get(x, key)
		stack[0] = uint64(in.heap.at(ref(stack[0])).property(in.heap.at(ref(stack[1]))))
	},
	"__wbg_get_4b90d6d8c5deb5d5":           item,
	"__wbg_get_unchecked_46e778e3cec74b5e": item,
	"__wbg_length_fb04d16d7bdf6d4c": func(_ context.Context, in *instance, stack []uint64) { // array.length
		stack[0] = uint64(len(in.heap.at(ref(stack[0])).items))
	},
	"__wbg_isArray_139f48e3c057ede8": is(func(v *value) bool { return v.kind == list }),

	"__wbg___wbindgen_is_object_3a2c414391dbf751": is(func(v *value) bool { return v.kind >= list && v.kind <= failure }),
	"__wbg___wbindgen_is_string_6541b0f6ecd4e8e5": is(func(v *value) bool { return v.kind == text }),
	// No value of this host is a function: lists are read by index, not by their iterator.
	"__wbg___wbindgen_is_function_147961669f068cd4":  is(func(*value) bool { return false }),
	"__wbg___wbindgen_is_undefined_4410e3c20a99fa97": is(func(v *value) bool { return v.kind == undefined }),
	"__wbg___wbindgen_boolean_get_b131b2f36d6b2f55": func(_ context.Context, in *instance, stack []uint64) {
		v := in.heap.at(ref(stack[0]))
		stack[0] = uint64(v.number)
		if v.kind != boolean {
			stack[0] = 0xffffff
		}
	},
	"__wbg___wbindgen_string_get_fa2687d531ed17a5": func(ctx context.Context, in *instance, stack []uint64) {
		v := in.heap.at(ref(stack[1]))
		if v.kind != text {
			in.write64(uint32(stack[0]), 0)
			return
		}
		in.returnText(ctx, uint32(stack[0]), v.text)
	},
	"__wbg___wbindgen_in_ce8569b2fc6f5088": func(_ context.Context, in *instance, stack []uint64) { // key in object
		_, ok := in.heap.at(ref(stack[1])).get(in.heap.at(ref(stack[0])).key())
		stack[0] = bit(ok)
	},
	"__wbg___wbindgen_jsval_loose_eq_e07e3b1f5db6da6c": func(_ context.Context, in *instance, stack []uint64) { // a == b
		stack[0] = bit(looselyEqual(in.heap.at(ref(stack[0])), in.heap.at(ref(stack[1]))))
	},
	"__wbg_iterator_9b36cebf3be7b7cd": func(_ context.Context, in *instance, stack []uint64) { // Symbol.iterator
		_, r := in.heap.add(symbol)
		stack[0] = uint64(r)
	},

	// The table of references.
	"__wbindgen_init_externref_table": func(ctx context.Context, in *instance, _ []uint64) {
		at := must(in.table.grow.Call(ctx, 4))
		must(in.table.set.Call(ctx, 0, uint64(refUndefined)))
		for i, r := range []ref{refUndefined, refNull, refTrue, refFalse} {
			must(in.table.set.Call(ctx, at+uint64(i), uint64(r)))
		}
	},

	// The ends of a panic in Rust.
	"__wbg_error_a6fa202b58aa1cd3": func(ctx context.Context, in *instance, stack []uint64) { // console.error(message)
		in.panicked = in.read(uint32(stack[0]), uint32(stack[1]))
		must(in.free.Call(ctx, stack[0], stack[1], 1))
	},
	"__wbg_new_227d7c05414eb861": func(_ context.Context, in *instance, stack []uint64) { // new Error()
		_, r := in.heap.add(failure)
		stack[0] = uint64(r)
	},
	"__wbg_stack_3b0d974bbf31e44f": func(ctx context.Context, in *instance, stack []uint64) { // error.stack
		in.returnText(ctx, uint32(stack[0]), "")
	},
	"__wbg___wbindgen_throw_bbadd78c1bac3a77": func(_ context.Context, in *instance, stack []uint64) {
		panic(errors.New(in.read(uint32(stack[0]), uint32(stack[1]))))
	},
}

func item(_ context.Context, in *instance, stack []uint64) { // x[i]
	stack[0] = uint64(in.heap.at(ref(stack[0])).item(int(uint32(stack[1]))))
}

func is(test func(*value) bool) hostFunc {
	return func(_ context.Context, in *instance, stack []uint64) {
		stack[0] = bit(test(in.heap.at(ref(stack[0]))))
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// looselyEqual is JavaScript's == for the values that settings are compared with: null and undefined equal one another and
// nothing else; other values of one type are compared as they are.
func looselyEqual(a, b *value) bool {
	if a.kind <= undefined || b.kind <= undefined {
		return a.kind <= undefined && b.kind <= undefined
	}
	switch {
	case a == b:
		return true
	case a.kind != b.kind:
		return false
	}
	switch a.kind {
	case boolean, number:
		return a.number == b.number
	case text:
		return a.text == b.text
	default:
		return false
	}
}

// must returns the first result of a call into wasm. A failed call inside a host function unwinds as a panic, which wazero
// turns into the error of the outermost call.
func must(results []uint64, err error) uint64 {
	if err != nil {
		panic(err)
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}
