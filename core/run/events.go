package run

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rlvr-harness/harness/core"
)

// TensorBoard's event file is a sequence of TFRecords, each with one tensorflow.Event:
//
//	uint64 length, uint32 masked CRC-32C of the length, the event, uint32 masked CRC-32C of the event; little endian
//
// The numbers below are the field numbers of event.proto, summary.proto and tensor.proto of TensorFlow.
const (
	eventWallTime    = 1 // double, seconds since 1970
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5 // Summary

	summaryValue = 1 // repeated Value

	valueTag      = 1 // string
	valueSimple   = 2 // float
	valueTensor   = 8 // TensorProto
	valueMetadata = 9 // SummaryMetadata

	metadataPlugin = 1 // PluginData
	pluginName     = 1 // string
	metadataClass  = 4 // DataClass
	classTensor    = 2

	tensorType   = 1 // DataType
	typeString   = 7
	tensorShape  = 2 // TensorShapeProto
	shapeDim     = 2 // repeated Dim
	dimSize      = 1 // int64
	tensorString = 8 // repeated bytes
)

// timeTag begins the tags of what is not reproducible.
const timeTag = "seconds/"

// maxEvent bounds the length that an event may claim to have.
const maxEvent = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the CRC of a TFRecord: rotated and shifted, so that a CRC of data with CRCs in it stays a good one.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// frame makes an event a TFRecord.
func frame(event []byte) []byte {
	b := make([]byte, 0, len(event)+16)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(event)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, event...)
	return binary.LittleEndian.AppendUint32(b, masked(event))
}

// nextEvent reads a TFRecord whole.
func nextEvent(in *bufio.Reader) ([]byte, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(head)
	if binary.LittleEndian.Uint32(head[8:]) != masked(head[:8]) {
		return nil, errors.New("the checksum of an event's length is wrong")
	}
	if length > maxEvent {
		return nil, fmt.Errorf("an event of %d bytes; at most %d are expected", length, maxEvent)
	}
	record := make([]byte, 12+length+4)
	copy(record, head)
	if _, err := io.ReadFull(in, record[12:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(record[12+length:]) != masked(record[12:12+length]) {
		return nil, errors.New("the checksum of an event is wrong")
	}
	return record, nil
}

// canonicalEvent returns an event without its wall time; nil for an event of durations.
func canonicalEvent(record []byte) ([]byte, error) {
	var kept []byte
	for rest := record[12 : len(record)-4]; len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return nil, fmt.Errorf("not an event: %w", protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[n:])
		if size < 0 {
			return nil, fmt.Errorf("not an event: %w", protowire.ParseError(size))
		}
		field := rest[:n+size]
		rest = rest[n+size:]
		switch {
		case number == eventWallTime:
		case number == eventSummary && kind == protowire.BytesType && strings.HasPrefix(firstTag(field[n:]), timeTag):
			return nil, nil
		default:
			kept = append(kept, field...)
		}
	}
	return kept, nil
}

// firstTag returns the tag of a summary's first value; "" where there is none. This package writes the tag first.
func firstTag(field []byte) string {
	summary, n := protowire.ConsumeBytes(field)
	for range 2 { // the value in the summary, the tag in the value
		number, kind, m := protowire.ConsumeTag(summary)
		if n < 0 || m < 0 || number != summaryValue || kind != protowire.BytesType {
			return ""
		}
		summary, n = protowire.ConsumeBytes(summary[m:])
	}
	return string(summary)
}

// event starts a tensorflow.Event.
func event(at time.Time, step int) []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(float64(at.UnixMicro())/1e6))
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(step))
}

// versionEvent is the first record of a file.
func versionEvent(at time.Time) []byte {
	b := protowire.AppendTag(event(at, 0), eventFileVersion, protowire.BytesType)
	return frame(protowire.AppendString(b, "brain.Event:2"))
}

// message appends a field that is a message.
func message(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

// scalars is a summary of numbers.
type scalars []byte

// add appends a number, unless it was not measured.
func (s *scalars) add(tag string, value float64) {
	if math.IsNaN(value) {
		return
	}
	v := message(nil, valueTag, []byte(tag))
	v = protowire.AppendTag(v, valueSimple, protowire.Fixed32Type)
	v = protowire.AppendFixed32(v, math.Float32bits(float32(value)))
	*s = message(*s, summaryValue, v)
}

// addAll appends the members of a map under a common beginning, sorted.
func addAll[K ~string, V int | float64](s *scalars, prefix string, values map[K]V) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s.add(prefix+string(name), float64(values[name]))
	}
}

// text is a summary of one text, which TensorBoard shows as Markdown.
func text(tag, content string) []byte {
	dim := protowire.AppendVarint(protowire.AppendTag(nil, dimSize, protowire.VarintType), 1)
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, tensorType, protowire.VarintType), typeString)
	tensor = message(tensor, tensorShape, message(nil, shapeDim, dim))
	tensor = message(tensor, tensorString, []byte(content))
	metadata := message(nil, metadataPlugin, message(nil, pluginName, []byte("text")))
	metadata = protowire.AppendVarint(protowire.AppendTag(metadata, metadataClass, protowire.VarintType), classTensor)
	v := message(nil, valueTag, []byte(tag))
	v = message(v, valueTensor, tensor)
	v = message(v, valueMetadata, metadata)
	return message(nil, summaryValue, v)
}

// stepEvents returns the records of a step: its numbers, those of its updates, its best and its worst completion, and its durations in an event
// of their own.
func stepEvents(s Step, rows []Row, at time.Time) [][]byte {
	var n scalars
	n.add("reward/mean", s.RewardMean)
	n.add("reward/std", s.RewardStd)
	n.add("reward/zero_std_groups", float64(s.ZeroStdGroups))
	n.add("reward/abstained", float64(s.Abstained))
	n.add("pass_rate", s.PassRate)
	addAll(&n, "components/", s.Components)
	addAll(&n, "weighted/", s.Weighted)
	n.add("completion/tokens_mean", s.CompletionTokensMean)
	n.add("completion/truncated_rate", s.TruncatedRate)
	addAll(&n, "verdicts/", s.Verdicts)
	for _, severity := range core.Severities() {
		n.add("lint/"+string(severity), s.Lint.Mean(severity))
	}
	n.add("optimizer/loss", s.Loss)
	n.add("optimizer/kl", s.KL)
	n.add("optimizer/entropy", s.Entropy)
	n.add("optimizer/clip_low", s.ClipLow)
	n.add("optimizer/clip_high", s.ClipHigh)
	n.add("optimizer/grad_norm", s.GradNorm)
	n.add("optimizer/lr", s.LR)
	addAll(&n, "optimizer/", s.Optimizer)
	addAll(&n, "sampling/", s.Sampling)
	addAll(&n, "diagnostics/", s.Diagnostics)
	n.add("tokens", float64(s.Tokens))
	records := [][]byte{frame(message(event(at, s.Step), eventSummary, n))}
	for _, u := range s.Updates { // a point of its own for each, at its number instead of the step's
		var n scalars
		n.add("update/loss", u.Loss)
		n.add("update/grad_norm", u.GradNorm)
		n.add("update/rows", float64(u.Rows))
		addAll(&n, "update/", u.Optimizer)
		records = append(records, frame(message(event(at, u.Number), eventSummary, n)))
	}

	if len(rows) > 0 {
		best := slices.MaxFunc(rows, byReward)
		worst := slices.MinFunc(rows, byReward)
		for _, r := range []struct {
			tag string
			row Row
		}{{"completions/best", best}, {"completions/worst", worst}} {
			records = append(records, frame(message(event(at, s.Step), eventSummary, text(r.tag, markdown(r.row)))))
		}
	}

	var t scalars
	t.add(timeTag+"generate", s.Seconds.Generate)
	t.add(timeTag+"verify", s.Seconds.Verify)
	t.add(timeTag+"score", s.Seconds.Score)
	t.add(timeTag+"update", s.Seconds.Update)
	return append(records, frame(message(event(at, s.Step), eventSummary, t)))
}

func byReward(a, b Row) int {
	switch {
	case a.Reward < b.Reward:
		return -1
	case a.Reward > b.Reward:
		return 1
	}
	return 0
}

// markdown renders a completion; the fence is longer than any in it.
func markdown(r Row) string {
	fence := "```"
	for strings.Contains(r.Completion, fence) {
		fence += "`"
	}
	return fmt.Sprintf("task %s, sample %d: %s, reward %.3f, %d tokens\n\n%s\n%s\n%s",
		r.TaskID, r.Sample, r.Verdict, r.Reward, r.Tokens, fence, r.Completion, fence)
}

// evaluationEvents returns the record of an evaluation.
func evaluationEvents(e Evaluation, at time.Time) [][]byte {
	prefix := "eval/" + e.Benchmark + "/" + e.Split + "/"
	var n scalars
	for _, k := range slices.Sorted(maps.Keys(e.PassAtK)) {
		n.add(prefix+"pass@"+k, e.PassAtK[k].Value)
	}
	if e.CompletionTokens != nil {
		n.add(prefix+"tokens_mean", e.CompletionTokens.Mean)
	}
	for _, severity := range core.Severities() {
		n.add(prefix+"lint/"+string(severity), e.Lint.Mean(severity))
	}
	addAll(&n, prefix, e.Diagnostics)
	return [][]byte{frame(message(event(at, e.Step), eventSummary, n))}
}
