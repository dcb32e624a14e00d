package wasm

import (
	"errors"
	"fmt"
)

// Freeze bakes the state of an initialised instance into the module: the memory keeps its size (pages of 64 KiB, minimum and
// maximum alike), globals get the values given by index, and data segments, start function and custom sections go, since the
// memory's content comes from the snapshot.
func (m *Module) Freeze(pages uint32, globals map[int]uint64) error {
	gs, err := m.Globals()
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	if m.section(sectionMemory) == nil {
		return errors.New("freeze: the module has no memory of its own")
	}
	kept := m.Sections[:0:0]
	for _, s := range m.Sections {
		switch s.ID {
		case sectionCustom, sectionStart, sectionData, sectionDataCount:
			continue
		case sectionMemory:
			s.Body = appendU32(appendU32([]byte{1, 1}, pages), pages)
		case sectionGlobal:
			if s.Body, err = globalSection(gs, globals); err != nil {
				return fmt.Errorf("freeze: %w", err)
			}
		}
		kept = append(kept, s)
	}
	m.Sections = kept
	return nil
}

func globalSection(gs []Global, values map[int]uint64) ([]byte, error) {
	b := appendU32(nil, uint32(len(gs)))
	for i, g := range gs {
		mutable := byte(0)
		if g.Mutable {
			mutable = 1
		}
		b = append(b, g.Type, mutable)
		v, ok := values[i]
		switch {
		case !ok:
			b = append(b, g.Init...)
			continue
		case g.Type == typeI32:
			b = appendS64(append(b, 0x41), int64(int32(uint32(v))))
		case g.Type == typeI64:
			b = appendS64(append(b, 0x42), int64(v))
		default:
			return nil, fmt.Errorf("global %d is of type %#x; only integers can be baked", i, g.Type)
		}
		b = append(b, 0x0b)
	}
	return b, nil
}
