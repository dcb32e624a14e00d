package grade

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Kinds of operations; image/c/candidate.c and grader.c describe them.
const (
	opProgram  = 'X'
	opMust     = 'M'
	opEvaluate = 'E'
	opPerform  = 'P'
	opValue    = 'V'
	opJudge    = 'G'
	opRemote   = 'R'
)

// Ids of records that belong to no operation of a test.
const (
	idProgram = 0xFFFFFFFF
	idSetup   = 0xFFFFFFFE
	idDone    = 0xFFFFFFFD
)

// status is the outcome of one operation, as image/c/reactor.h numbers them.
type status byte

const (
	statusValue       status = 0
	statusException   status = 1
	statusForeign     status = 2
	statusLarge       status = 3
	statusDeep        status = 4
	statusSyntax      status = 5
	statusExit        status = 6
	statusFalse       status = 7
	statusUndecodable status = 8
	statusMemory      status = 9
	statusRemote      status = 10
)

// recordHead is the size of what comes before a record's bytes, and before an operation's.
const recordHead = 9

// appendOperation appends kind u8, id u32, length u32 and code; nothing where there is no code.
func appendOperation(b []byte, kind byte, id uint32, code []byte) []byte {
	if code == nil {
		return b
	}
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(code)))
	return append(b, code...)
}

// appendNames appends u32 count and (u32 length, name) each.
func appendNames(b []byte, names []string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(names)))
	for _, n := range names {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

func decodeBase64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// record is what an interpreter wrote about one operation. Its data lies in the box's memory.
type record struct {
	found  bool
	status status
	data   []byte
}

// isValue says that the record holds a value.
func (r record) isValue() bool { return r.status == statusValue || r.status == statusRemote }

// exception splits the data of an exception's record.
func (r record) exception() (name, message string) {
	a, b, _ := bytes.Cut(r.data, []byte{0})
	return clean(a), clean(b)
}

// clean makes text from a program fit for a report: valid UTF-8 of bounded length.
func clean(b []byte) string {
	const limit = 600
	if len(b) > limit {
		b = b[:limit]
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}

// records are what a call left in the output buffer.
type records struct {
	operations []record // by id
	other      record   // of the program or the set-up, where one failed
	done       bool     // the call came to its end
}

// read reads an output buffer of n operations and forgets what was read before. The buffer is hostile: whatever is in it, there are n
// operations afterwards, each within the buffer; of two records with one id the first counts.
func (rs *records) read(b []byte, n int) {
	rs.operations = append(rs.operations[:0], make([]record, n)...)
	rs.other, rs.done = record{}, false
	if len(b) < 4 {
		return
	}
	used := binary.LittleEndian.Uint32(b)
	if used < 4 || uint64(used) > uint64(len(b)) {
		return
	}
	for b = b[4:used]; len(b) >= recordHead; {
		id, st, size := binary.LittleEndian.Uint32(b), status(b[4]), binary.LittleEndian.Uint32(b[5:])
		if uint64(size) > uint64(len(b)-recordHead) {
			return
		}
		r := record{true, st, b[recordHead : recordHead+size : recordHead+size]}
		b = b[recordHead+size:]
		switch {
		case id == idDone:
			rs.done = true
		case id == idProgram || id == idSetup:
			rs.other = r
		case uint64(id) < uint64(n) && !rs.operations[id].found:
			rs.operations[id] = r
		}
	}
}

// take reads the n records that the box's last call left, and clears them away: a call that ends before it writes any must not be
// taken for the one before. Their data stays where it is until the next call.
func (rs *records) take(box *sandbox.Box, n int) {
	b := box.Output()
	rs.read(b, n)
	if littleEndian(b) != 0 { // the guest wrote it, so that our writing makes no page differ that did not
		clear(b[:4])
	}
}

func littleEndian(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
