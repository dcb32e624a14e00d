package main

import (
	"context"
	"log/slog"
	"strings"
)

// lineHandler puts log records on the console as lines, without times: what a plugin says belongs to the step it says it in.
type lineHandler struct {
	con    *console
	plugin string
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	plugin := h.plugin
	var more strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "plugin" {
			plugin = a.Value.String()
		} else {
			more.WriteString("; " + strings.ReplaceAll(a.Key, "_", " ") + ": " + a.Value.String())
		}
		return true
	})
	level := ""
	if r.Level > slog.LevelInfo {
		level = strings.ToLower(r.Level.String()) + ": "
	}
	h.con.line("%s%s: %s%s", level, plugin, printable(r.Message), printable(more.String()))
	return nil
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	for _, a := range attrs {
		if a.Key == "plugin" {
			n.plugin = a.Value.String()
		}
	}
	return &n
}

func (h *lineHandler) WithGroup(string) slog.Handler { return h }
