package run

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/rlvr-harness/harness/core"
)

func readTable(t *testing.T, dir string) []tableRow {
	t.Helper()
	rows, err := parquet.ReadFile[tableRow](filepath.Join(dir, parquetName))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestTableHasEveryRow(t *testing.T) {
	s := small(4)
	s.steps, s.groups, s.group, s.abstainAt = 9, 8, 64, 5 // more rows than one row group holds
	dir := s.create(t)
	got := readTable(t, dir)
	if len(got) != 9*8*64 || len(got) <= rowGroup {
		t.Fatalf("%d rows", len(got))
	}
	i := 0
	abstained := 0
	for row, err := range ReadRows(dir) {
		if err != nil {
			t.Fatal(err)
		}
		want, err := row.table()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got[i].Reward, want.Reward) {
			t.Fatalf("row %d: rewards differ", i)
		}
		if want.Reward == nil {
			abstained++
		}
		got[i].Reward, want.Reward = nil, nil
		if len(want.Components) == 0 {
			want.Components = got[i].Components // nil and empty are one in the file
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Fatalf("row %d:\ngot  %+v\nwant %+v", i, got[i], want)
		}
		i++
	}
	if abstained != 64 {
		t.Errorf("%d rows without a reward, want 64", abstained)
	}
}

func TestTableIsDeterministic(t *testing.T) {
	dir := small(5).create(t)
	first, err := os.ReadFile(filepath.Join(dir, parquetName))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := WriteParquet(dir); err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(filepath.Join(dir, parquetName))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatal("the same rows gave other bytes")
		}
	}
}

func TestTableOfTextThatIsNotText(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	row := Row{Step: 1, TaskID: "1", Completion: "\xed\xa0\x80\x00\xff", Verdict: core.NoCode}
	if err := f.AppendStep(Step{Step: 1}, []Row{row}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := readTable(t, dir)[0].Completion, "\uFFFD\x00\uFFFD"; got != want {
		t.Errorf("completion is %q, want %q", got, want)
	}
}

func BenchmarkWriteParquet(b *testing.B) {
	s := small(1)
	s.steps, s.groups, s.group = 20, 8, 16
	dir := s.create(b)
	for b.Loop() {
		if err := WriteParquet(dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(20*8*16*b.N)/b.Elapsed().Seconds(), "rows/s")
}
