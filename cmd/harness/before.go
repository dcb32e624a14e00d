package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rlvr-harness/harness/core/run"
)

// before measures the policy before the first step, or takes over what another run of the same policy measured: the same
// weights, seeds, tasks and judge give the same completions and verdicts.
func (s *session) before(ctx context.Context) error {
	dir := s.config.BeforeFrom
	if dir == "" || len(s.heldOut) == 0 {
		return s.evaluate(ctx, 0)
	}
	other, err := run.ReadManifest(dir)
	if err != nil {
		return fmt.Errorf("--before-from: %w", err)
	}
	if why, err := apart(other, s.folder.Manifest()); err != nil {
		return fmt.Errorf("--before-from: %w", err)
	} else if why != "" {
		s.con.line("note: measured before the first step all the same, since the run in %s is another: %s", dir, why)
		return s.evaluate(ctx, 0)
	}
	text, err := run.FirstEvaluation(dir)
	if err != nil {
		return fmt.Errorf("--before-from: %w", err)
	}
	if text == nil {
		s.con.line("note: measured before the first step all the same, since the run in %s was not", dir)
		return s.evaluate(ctx, 0)
	}
	if err := s.folder.AppendEvaluation(0, text); err != nil {
		return err
	}
	s.con.line("held out after step 0: as the run in %s measured it, which begins with the same policy", dir)
	return nil
}

// apart returns the first thing in which two runs differ that has a say in what is measured before their first step; "" where
// there is none. Their rewards and optimizers have none.
func apart(a, b run.Manifest) (string, error) {
	for _, m := range []*run.Manifest{&a, &b} {
		text, err := json.Marshal(m.Config)
		if err != nil {
			return "", err
		}
		var config map[string]any
		if err := json.Unmarshal(text, &config); err != nil {
			return "", err
		}
		for _, name := range []string{"reward", "optimizer", "set"} { // settings of the policy are among those of its plugin
			delete(config, name)
		}
		m.Config = config
		var policies []run.Plugin
		for _, p := range m.Plugins {
			if p.Kind == "policy" {
				policies = append(policies, p)
			}
		}
		m.Plugins = policies
	}
	if lines := a.Diff(b); len(lines) > 0 {
		return lines[0], nil
	}
	return "", nil
}
