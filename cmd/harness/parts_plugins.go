package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/run"
	"github.com/rlvr-harness/harness/plugins"
)

// wanted is a plugin that a command asks for, before it is started.
type wanted struct {
	kind plugins.Kind
	name string
	// weight is that of a reward in a chain.
	weight float64
	set    map[string]string
	// sha256 is what the file must have; "" accepts any.
	sha256  string
	timeout time.Duration
	// silence is a policy's longest; 0 stands for the usual one.
	silence time.Duration
	audit   bool
}

// options are those of a plugin that is opened for a run.
func (p *parts) options(w wanted) plugins.Options {
	return plugins.Options{Name: w.name, Set: w.set, SHA256: w.sha256, Timeout: w.timeout, Silence: w.silence, Audit: w.audit, Log: p.pluginLog()}
}

// parseRewards reads --reward: one name or path, or a chain "a=1.0,b=0.2".
func parseRewards(spec string) ([]wanted, error) {
	links, err := plugins.ParseChain(spec)
	if err != nil {
		return nil, usagef("--%w", err)
	}
	out := make([]wanted, len(links))
	for i, l := range links {
		out[i] = wanted{kind: plugins.KindReward, name: l.Name, weight: l.Weight, set: map[string]string{}}
	}
	return out, nil
}

// share gives each --set to the plugin that it is meant for. A key may say so itself, by kind (optimizer.beta) or by name
// (ruff.cap); a bare key goes to the one plugin that has such a setting.
func share(ctx context.Context, set map[string]string, all []wanted) error {
	schemas := make([]map[string]json.RawMessage, len(all))
	for key, value := range set {
		first, rest, dotted := strings.Cut(key, ".")
		given := false
		for i := range all {
			if dotted && (first == string(all[i].kind) || first == all[i].name) {
				all[i].set[rest] = value
				given = true
			}
		}
		if given {
			continue
		}
		var owners []int
		var known []string
		for i, w := range all {
			if schemas[i] == nil {
				properties, err := settingsOf(ctx, w)
				if err != nil {
					return err
				}
				schemas[i] = properties
			}
			for name := range schemas[i] {
				known = append(known, name)
			}
			if _, ok := schemas[i][first]; ok { // what follows a dot is an entry of a setting that is an object
				owners = append(owners, i)
			}
		}
		switch len(owners) {
		case 0:
			slices.Sort(known)
			return unknownName("setting", key, slices.Compact(known))
		case 1:
			all[owners[0]].set[key] = value
		default:
			var names []string
			for _, i := range owners {
				name := all[i].name
				if slices.ContainsFunc(owners, func(j int) bool { return j != i && all[j].name == name }) {
					name = string(all[i].kind) // the one of its kind, as a chain names no reward twice
				}
				names = append(names, name+"."+key)
			}
			return usagef("--set %s=%s: several plugins have that setting; say which: %s", key, value, strings.Join(names, ", "))
		}
	}
	return nil
}

// settingsOf asks a plugin for the names of its settings. A plugin that is not there has none: opening it says so better.
func settingsOf(ctx context.Context, w wanted) (map[string]json.RawMessage, error) {
	path := w.name
	if !strings.ContainsRune(path, filepath.Separator) {
		i := slices.IndexFunc(plugins.Find(plugins.SearchPath()), func(f plugins.Found) bool { return f.Kind == w.kind && f.Name == w.name })
		if i < 0 {
			return map[string]json.RawMessage{}, nil
		}
		path = plugins.Find(plugins.SearchPath())[i].Path
	}
	info, err := plugins.Inspect(ctx, w.kind, path)
	if err != nil {
		return nil, pluginError(err)
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(info.Schema, &schema); err != nil {
		return nil, fmt.Errorf("plugin %s: its settings schema is no JSON: %w", w.name, err)
	}
	return schema.Properties, nil
}

// pluginError tells what the caller can mend in the command line from what went wrong in the plugin.
func pluginError(err error) error {
	if errors.As(err, new(*plugins.UnknownError)) || errors.As(err, new(*plugins.SettingsError)) {
		return usageError{err}
	}
	if errors.Is(err, plugins.ErrChanged) {
		return usagef("%w\nto go on with the file as it is: harness run --resume DIR --changed-plugins", err)
	}
	return err
}

// pluginLog shows what plugins write to standard error, each line with its plugin's name.
func (p *parts) pluginLog() *slog.Logger {
	return slog.New(&lineHandler{con: p.con})
}

// openRewards opens one reward, or a weighted chain of several.
func (p *parts) openRewards(ctx context.Context, ws []wanted, host plugins.Host) (core.Reward, []plugins.Info, error) {
	var chain plugins.Chain
	var infos []plugins.Info
	for _, w := range ws {
		o := p.options(w)
		o.Host = host
		r, err := plugins.OpenReward(ctx, o)
		if err != nil {
			return nil, nil, pluginError(err)
		}
		p.onClose(r.Close)
		infos = append(infos, r.Plugin())
		chain = append(chain, plugins.Link{Name: r.Plugin().Name, Weight: w.weight, Reward: r})
	}
	if len(chain) == 1 && ws[0].weight == 1 {
		return chain[0].Reward, infos, nil
	}
	return chain, infos, nil
}

func (p *parts) openOptimizer(ctx context.Context, w wanted) (*plugins.Optimizer, error) {
	o, err := plugins.OpenOptimizer(ctx, p.options(w))
	if err != nil {
		return nil, pluginError(err)
	}
	p.onClose(o.Close)
	return o, nil
}

// policyConfig is what the policy plugin is told.
type policyConfig struct {
	Model   string `json:"model"`
	Adapter string `json:"adapter,omitempty"`
	Device  string `json:"device"`
	DType   string `json:"dtype"`
	Threads int    `json:"threads"`
	Seed    uint64 `json:"seed"`
	Rank    int    `json:"lora_rank,omitempty"`
	// Alpha goes with Rank; both are the adapter's own where one is loaded.
	Alpha float64 `json:"lora_alpha,omitempty"`
}

// policyPlugin is the policy that harness itself brings.
const policyPlugin = "torch"

func (p *parts) openPolicy(ctx context.Context, c policyConfig, w wanted) (*plugins.Policy, error) {
	settings, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cache, err := p.cache()
	if err != nil {
		return nil, err
	}
	env, err := cudaEnvironment(ctx, cache, c.Device, nvidiaDriver)
	if err != nil {
		return nil, err
	}
	options := p.options(wanted{name: policyPlugin, set: w.set, sha256: w.sha256, silence: w.silence})
	options.Settings, options.Env = settings, env
	o, err := plugins.OpenPolicy(ctx, options)
	if err != nil {
		return nil, pluginError(err)
	}
	p.onClose(o.Close)
	return o, nil
}

// recordPlugin is a plugin's entry in the manifest. Paths among the settings are those of this machine; the files behind
// them are identified by their sha256 elsewhere in the manifest, so only their last element is kept.
func recordPlugin(i plugins.Info) run.Plugin {
	var settings map[string]any
	// the settings come from the plugins package, which made them from JSON
	_ = json.Unmarshal(i.Settings, &settings)
	for _, key := range []string{"model", "adapter"} {
		if s, ok := settings[key].(string); ok && s != "" {
			settings[key] = lastElement(s)
		}
	}
	return run.Plugin{Kind: string(i.Kind), Name: i.Name, Version: i.Version, SHA256: i.SHA256, Settings: settings}
}

func lastElement(path string) string {
	path = strings.TrimRight(path, `/\`)
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
