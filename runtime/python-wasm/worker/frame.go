package worker

import (
	"encoding/binary"
	"fmt"
	"io"
)

// kind says what a frame is.
type kind byte

const (
	kindHello   kind = iota + 1 // to the process: its configuration; the answer is kindReply or kindFailure
	kindRequest                 // to the process
	kindCancel                  // to the process: nobody waits for this request any more
	kindReply                   // from the process: the answer
	kindFailure                 // from the process: the text of an error
)

// A frame is u32 length of the rest, u64 number of the request, u8 kind, payload; little-endian.
const (
	lengthSize = 4
	headSize   = 9
)

// Bounds on payloads: replies are verdicts, whose texts are cut to some kilobytes each.
const (
	maxRequest = 1 << 30
	maxReply   = 16 << 20
)

type frame struct {
	id      uint64
	kind    kind
	payload []byte
}

func (f frame) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(headSize+len(f.payload)))
	b = binary.LittleEndian.AppendUint64(b, f.id)
	b = append(b, byte(f.kind))
	return append(b, f.payload...)
}

// readFrame reads a frame with a payload of at most limit bytes. io.EOF is an end between frames.
func readFrame(r io.Reader, limit int) (frame, error) {
	var head [lengthSize + headSize]byte
	if _, err := io.ReadFull(r, head[:lengthSize]); err != nil {
		return frame{}, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < headSize || uint64(n)-headSize > uint64(limit) {
		return frame{}, fmt.Errorf("worker: a frame of %d bytes; at most %d are read", n, limit)
	}
	if _, err := io.ReadFull(r, head[lengthSize:]); err != nil {
		return frame{}, unexpected(err)
	}
	f := frame{id: binary.LittleEndian.Uint64(head[lengthSize:]), kind: kind(head[lengthSize+8])}
	// Read as it comes: the length alone must not make this process take memory.
	payload, err := io.ReadAll(io.LimitReader(r, int64(n)-headSize))
	if err != nil {
		return frame{}, err
	}
	if len(payload) != int(n)-headSize {
		return frame{}, io.ErrUnexpectedEOF
	}
	f.payload = payload
	return f, nil
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // as io.ReadFull returns it
		return io.ErrUnexpectedEOF
	}
	return err
}
