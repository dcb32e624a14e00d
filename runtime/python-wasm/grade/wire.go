package grade

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
)

// Kinds of operations; image/c/candidate.c and grader.c describe them.
const (
	opProgram  = 'X'
	opMust     = 'M'
	opEvaluate = 'E'
	opPerform  = 'P'
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
)

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

// exception splits the data of an exception's record.
func (r record) exception() (name, message string) {
	a, b, _ := bytes.Cut(r.data, []byte{0})
	return clean(a), clean(b)
}

// clean makes text from a program fit for a report: valid UTF-8 of bounded length.
func clean(b []byte) string {
	const limit = 300
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

// readRecords reads an output buffer of n operations. The buffer is hostile: whatever is in it, the result has n entries, each
// within the buffer; of two records with one id the first counts.
func readRecords(b []byte, n int) records {
	rs := records{operations: make([]record, n)}
	if len(b) < 4 {
		return rs
	}
	used := binary.LittleEndian.Uint32(b)
	if used < 4 || uint64(used) > uint64(len(b)) {
		return rs
	}
	for b = b[4:used]; len(b) >= recordHead; {
		id, st, size := binary.LittleEndian.Uint32(b), status(b[4]), binary.LittleEndian.Uint32(b[5:])
		if uint64(size) > uint64(len(b)-recordHead) {
			return rs
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
	return rs
}
