package run

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// form is how a file of records is read: where one ends, and what of it is reproducible.
type form struct {
	name string
	// next reads one record whole. io.EOF is the end; io.ErrUnexpectedEOF a record that a killed process did not finish.
	next func(*bufio.Reader) ([]byte, error)
	// canonical returns what must be equal between two runs of one seed; nil for nothing.
	canonical func(record []byte) ([]byte, error)
}

// forms lists the append-only files.
func forms() []form {
	return []form{
		{completionsName, nextLine, func(line []byte) ([]byte, error) { return line, nil }},
		{eventsName, nextEvent, canonicalEvent},
		{metricsName, nextLine, withoutSeconds},
		{evalsName, nextLine, withoutSeconds},
	}
}

// nextLine reads a line with its end.
func nextLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return line, err
}

// withoutSeconds returns a JSON object without its member "seconds", members sorted by name.
func withoutSeconds(line []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return nil, err
	}
	delete(members, "seconds")
	return json.Marshal(members)
}

// mark says how much of a file of records belongs to a checkpoint: a count and a sum, which two runs of one seed share,
// and no byte offset, which they do not (seconds have more digits in one than in the other).
type mark struct {
	File    string `json:"file"`
	Records int    `json:"records"`
	// SHA256 is of the reproducible part of the records.
	SHA256 string `json:"sha256"`
}

// records is an append-only file that is open for writing.
type records struct {
	form
	disk disk
	file *os.File
	size int64
	n    int
	sum  hash.Hash
}

// openRecords opens a file of records and cuts it to the records of a mark. Without one, it is emptied.
func openRecords(d disk, dir string, f form, to mark) (*records, error) {
	path := filepath.Join(dir, f.name)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	r := &records{form: f, disk: d, file: file, sum: sha256.New()}
	if err := r.cut(to); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

func (r *records) cut(to mark) error {
	in := bufio.NewReaderSize(r.file, 1<<20)
	for r.n < to.Records {
		record, err := r.next(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%s has %d records; the checkpoint was made after %d", r.name, r.n, to.Records)
		}
		if err != nil {
			return fmt.Errorf("%s: record %d: %w", r.name, r.n+1, err)
		}
		if err := r.count(record); err != nil {
			return err
		}
	}
	if to.Records > 0 && r.total() != to.SHA256 {
		return fmt.Errorf("%s is not what it was at the checkpoint: the first %d records have another sha256", r.name, to.Records)
	}
	if info, err := r.file.Stat(); err != nil {
		return err
	} else if info.Size() > r.size {
		if err := r.disk.truncate(r.file, r.size); err != nil {
			return fmt.Errorf("cut %s back to the checkpoint: %w", r.name, err)
		}
	}
	_, err := r.file.Seek(r.size, io.SeekStart)
	return err
}

// count takes a record that lies in the file into account.
func (r *records) count(record []byte) error {
	part, err := r.canonical(record)
	if err != nil {
		return fmt.Errorf("%s: record %d: %w", r.name, r.n+1, err)
	}
	r.sum.Write(part)
	r.size += int64(len(record))
	r.n++
	return nil
}

// append adds whole records in one write.
func (r *records) append(list ...[]byte) error {
	if len(list) == 0 {
		return nil
	}
	var all []byte
	for _, record := range list {
		all = append(all, record...)
	}
	if err := r.disk.write(r.file, all); err != nil {
		return fmt.Errorf("append to %s: %w", r.name, err)
	}
	for _, record := range list {
		if err := r.count(record); err != nil {
			return err
		}
	}
	return nil
}

func (r *records) total() string { return hex.EncodeToString(r.sum.Sum(nil)) }

func (r *records) mark() mark { return mark{File: r.name, Records: r.n, SHA256: r.total()} }
