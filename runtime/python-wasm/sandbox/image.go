package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Image is the content of a snapshot's memory: runs of pages in ascending order; everything between them is zero.
type Image struct {
	Size int // bytes, a multiple of PageSize
	Runs []Run
}

// Run is a run of whole pages that are not all zero.
type Run struct {
	Offset int
	Data   []byte
}

// NewImage finds the pages of memory that are not zero. The runs share memory with it.
func NewImage(memory []byte) Image {
	im := Image{Size: len(memory)}
	for at := 0; at < len(memory); at += PageSize {
		if string(memory[at:at+PageSize]) == string(zeroPage[:]) {
			continue
		}
		if k := len(im.Runs) - 1; k >= 0 && im.Runs[k].Offset+len(im.Runs[k].Data) == at {
			im.Runs[k].Data = memory[im.Runs[k].Offset : at+PageSize]
			continue
		}
		im.Runs = append(im.Runs, Run{at, memory[at : at+PageSize]})
	}
	return im
}

// imageMagic begins the file form of an Image.
const imageMagic = "himage\x00\x01"

// maxImage bounds the memory of a sandbox.
const maxImage = 1 << 30

// AppendTo appends the file form: magic, size u64, number of runs u32, then (offset u64, length u64, bytes) for each; little-endian.
func (im Image) AppendTo(b []byte) []byte {
	b = append(b, imageMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(im.Size))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(im.Runs)))
	for _, r := range im.Runs {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Offset))
		b = binary.LittleEndian.AppendUint64(b, uint64(len(r.Data)))
		b = append(b, r.Data...)
	}
	return b
}

// ReadImage reads the file form. The runs share memory with b.
func ReadImage(b []byte) (Image, error) {
	const head = len(imageMagic) + 12
	if len(b) < head || string(b[:len(imageMagic)]) != imageMagic {
		return Image{}, errors.New("read image: not a memory image")
	}
	size, n := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])
	if size == 0 || size > maxImage || size%PageSize != 0 {
		return Image{}, fmt.Errorf("read image: size %d is not a multiple of %d up to %d", size, PageSize, maxImage)
	}
	im := Image{Size: int(size)}
	b = b[head:]
	end := uint64(0)
	for i := range n {
		if len(b) < 16 {
			return Image{}, fmt.Errorf("read image: truncated at run %d of %d", i, n)
		}
		at, k := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		b = b[16:]
		if k == 0 || k > uint64(len(b)) || k%PageSize != 0 || at%PageSize != 0 || at < end || at > size || k > size-at {
			return Image{}, fmt.Errorf("read image: run %d of %d (offset %d, %d bytes) is out of place", i, n, at, k)
		}
		im.Runs = append(im.Runs, Run{int(at), b[:k:k]})
		b, end = b[k:], at+k
	}
	if len(b) > 0 {
		return Image{}, fmt.Errorf("read image: %d bytes after the last run", len(b))
	}
	return im, nil
}
