// Package rows reads the files of benchmarks and of their samples: JSON objects that others wrote, one a line or all in one
// array, gzipped or not.
//
// It owns the splitting into rows, the positions (file, line, column, field) and the limits on size; what the fields mean
// is its callers' affair. A bad row is an *Error and does not end the reading: the next call goes on with the next row.
// Package core/jsonlines reads the harness's own records, where the first fault ends the reading.
//
// Unlike encoding/json it does not turn a lone surrogate or a byte that is not UTF-8 into U+FFFD behind the reader's back:
// Text refuses them and Bytes keeps them. A program that holds one must not be graded as if it held something else.
package rows
