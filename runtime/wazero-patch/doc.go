// Package wazeropatch makes the artefact "wazero": the sources of the wazero that go.mod pins, with changes to its compiler for amd64
// that make machine code shorter and faster and leave what it computes as it is. It owns the changes, and the go.mod that builds with
// them. Running modules is the business of python-wasm and ruff-wasm, which are built with either.
//
// What changes:
//   - A failed check (of a memory access above all) is left through code behind the function's body, once for each reason, where
//     wazero puts 60 bytes and a taken jump at each check. So is the call that grows the stack.
//   - Code behind the body finds the execution context in the frame, so that no check holds a register for it.
//   - A comparison is fused with its branch also where the branch's edge was split, and with its select; a test of bits with its branch.
//   - Adding a constant to 64 bits takes one instruction.
//
// Go refuses to replace single files of a module (-overlay) in its module cache, hence a copy and a go.mod with a replace line.
package wazeropatch
