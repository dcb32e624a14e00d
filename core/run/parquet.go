package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// tableRow is a Row as columns. Their order and types are the file's schema.
type tableRow struct {
	Step           int32            `parquet:"step"`
	TaskID         string           `parquet:"task_id,dict"`
	Sample         int32            `parquet:"sample"`
	Prompt         string           `parquet:"prompt,dict"`
	Completion     string           `parquet:"completion"`
	Program        string           `parquet:"program"`
	Verdict        string           `parquet:"verdict,dict"`
	Exception      string           `parquet:"exception,dict"`
	Message        string           `parquet:"message"`
	TestsPassed    int32            `parquet:"tests_passed"`
	Tests          int32            `parquet:"tests"`
	Weak           bool             `parquet:"weak"`
	Fuel           int64            `parquet:"fuel"`
	Reward         *float64         `parquet:"reward,optional"` // null where the reward abstained, and in an evaluation
	Components     []tableComponent `parquet:"components,list"`
	Note           string           `parquet:"note"`
	Advantage      float64          `parquet:"advantage"`
	Tokens         int32            `parquet:"tokens"`
	Truncated      bool             `parquet:"truncated"`
	LintFatal      int32            `parquet:"lint_fatal"`
	LintError      int32            `parquet:"lint_error"`
	LintWarning    int32            `parquet:"lint_warning"`
	LintRefactor   int32            `parquet:"lint_refactor"`
	LintConvention int32            `parquet:"lint_convention"`
	Suppressions   int32            `parquet:"suppressions"`
	LintCodes      string           `parquet:"lint_codes"` // JSON: {"F401": 2}
	Special        string           `parquet:"special,dict"`
	Dropped        bool             `parquet:"dropped"`
}

type tableComponent struct {
	Name     string  `parquet:"name,dict"`
	Value    float64 `parquet:"value"`
	Weighted float64 `parquet:"weighted"`
}

func (r Row) table() (tableRow, error) {
	codes, err := json.Marshal(r.Lint.Codes)
	if err != nil {
		return tableRow{}, err
	}
	if r.Lint.Codes == nil {
		codes = []byte("{}")
	}
	t := tableRow{
		Step: int32(r.Step), TaskID: r.TaskID, Sample: int32(r.Sample), Prompt: r.Prompt, Completion: r.Completion,
		Program: r.Program, Verdict: string(r.Verdict), Exception: r.Exception, Message: r.Message,
		TestsPassed: int32(r.TestsPassed), Tests: int32(r.Tests), Weak: r.Weak, Fuel: r.Fuel,
		Note: r.Note, Advantage: r.Advantage, Tokens: int32(r.Tokens), Truncated: r.Truncated,
		LintFatal: int32(r.Lint.Fatal), LintError: int32(r.Lint.Error), LintWarning: int32(r.Lint.Warning),
		LintRefactor: int32(r.Lint.Refactor), LintConvention: int32(r.Lint.Convention),
		Suppressions: int32(r.Lint.Suppressions), LintCodes: string(codes), Special: r.Special,
		Dropped: r.Dropped,
	}
	if !r.Abstained && r.Step > 0 {
		t.Reward = &r.Reward
	}
	for _, c := range r.Components {
		t.Components = append(t.Components, tableComponent(c))
	}
	return t, nil
}

// rowGroup is the number of rows that are held in memory and compressed together.
const rowGroup = 4096

// WriteParquet makes completions.parquet from completions.jsonl. The same rows give the same bytes.
func WriteParquet(dir string) error { return writeParquet(disk{}, dir) }

func writeParquet(d disk, dir string) error {
	err := d.produce(filepath.Join(dir, parquetName), func(f *os.File) error {
		d.announce("write", f.Name(), f, nil)
		return encodeParquet(f, dir)
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", parquetName, err)
	}
	return nil
}

func encodeParquet(w io.Writer, dir string) error {
	table := parquet.NewGenericWriter[tableRow](w,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}),
		parquet.MaxRowsPerRowGroup(rowGroup),
		parquet.CreatedBy("harness", "1", "0"), // of the format; a build's own version would change the bytes
	)
	for row, err := range ReadRows(dir) {
		if err != nil {
			return errors.Join(err, table.Close())
		}
		t, err := row.table()
		if err != nil {
			return errors.Join(err, table.Close())
		}
		if _, err := table.Write([]tableRow{t}); err != nil {
			return err
		}
	}
	return table.Close()
}
