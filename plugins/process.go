package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rlvr-harness/harness/core/checksum"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// The patience of the host.
const (
	defaultTimeout = 2 * time.Minute
	defaultSilence = 2 * time.Hour // an update of a billion weights on two cores can take most of an hour
	startTimeout   = time.Minute
	startPatience  = 10 * time.Second // the least for a handshake: an interpreter on a busy machine is slower to start than a call is
	closeTimeout   = 5 * time.Second
	exitPatience   = 2 * time.Second // between a broken call and the news that the process is gone
)

// Options says which plugin to open and how.
type Options struct {
	// Name is a plugin's name, or a path: whatever has a separator in it.
	Name string
	// Settings is a JSON object; what it does not name keeps the plugin's default.
	Settings json.RawMessage
	// Set holds words for settings, as from --set key=value; the plugin's schema says what type they have. They win over
	// Settings. A key with a dot names an entry of a setting that is an object.
	Set map[string]string
	// Search are the folders to search; nil means SearchPath().
	Search []string
	// Env is added to the process's environment, which is otherwise that of the harness.
	Env []string
	// SHA256 is the checksum that the plugin's file must have, in hexadecimal; "" accepts any.
	SHA256 string
	// Log hears each line that the plugin writes to standard error, with the attribute "plugin", and what is worth knowing
	// about the process; nil drops them. The last lines are part of an Error in any case.
	Log *slog.Logger
	// Timeout bounds one call of a reward or an optimizer, and the first question to a policy, who it is; 0 means two
	// minutes, less than 0 no bound.
	Timeout time.Duration
	// Silence bounds how long a policy may say nothing in any later call, from its Configure on. A call that goes on for
	// hours is none: each completion, and each report of tokens sampled, begins the silence anew. 0 means two hours,
	// less than 0 no bound.
	Silence time.Duration
	// Host is offered to the plugin; nil offers nothing.
	Host Host
	// Audit asks the first question of each kind a second time and refuses a plugin that answers otherwise: a run that is
	// killed and resumed asks again too.
	Audit bool
}

// process is a plugin that can be started again: it owns at most one running instance.
type process struct {
	opts  Options
	kind  Kind
	found Found
	sum   string
	host  *hostServer

	mu      sync.Mutex // guards what follows
	run     *instance
	info    Info
	started bool
	closed  bool
}

// instance is one running process.
type instance struct {
	cmd    *exec.Cmd
	kill   context.CancelFunc // ends the process at once
	client *goplugin.Client
	conn   *grpc.ClientConn
	tail   *tail
	// sockets is a folder of this user's alone where the plugin listens. It is removed with the process, which may have
	// had no chance to do so.
	sockets string
}

// ErrChanged says that a plugin's file has not the checksum of Options.SHA256.
var ErrChanged = errors.New("the file has changed")

// findProcess finds a plugin's file and says what keeps it from being started.
func findProcess(kind Kind, o Options) (*process, error) {
	f, err := locate(kind, o.Name, o.Search)
	if err != nil {
		return nil, err
	}
	p := &process{opts: o, kind: kind, found: f}
	if p.opts.Timeout == 0 {
		p.opts.Timeout = defaultTimeout
	}
	if p.opts.Silence == 0 {
		p.opts.Silence = defaultSilence
	}
	if err := checkFile(f.Path); err != nil {
		return nil, p.failure("Start", "", Refused, err, nil)
	}
	if p.sum, err = checksum.File(f.Path); err != nil {
		return nil, p.failure("Start", "", Refused, err, nil)
	}
	if want := strings.ToLower(o.SHA256); want != "" && want != p.sum {
		return nil, p.failure("Start", "", Refused, fmt.Errorf(
			"%w: %s has sha256 %s where %s is expected; rebuild the version that was recorded, or start a new run", ErrChanged, f.Path, p.sum, want), nil)
	}
	return p, nil
}

// openProcess finds, starts and configures a plugin.
func openProcess(ctx context.Context, kind Kind, o Options) (*process, error) {
	p, err := findProcess(kind, o)
	if err != nil {
		return nil, err
	}
	for _, other := range p.found.Shadowed {
		p.log().Warn("a second plugin of this name is not used", "plugin", p.label(), "used", p.found.Path, "not_used", other, "why", p.found.Why())
	}
	if other := namesake(p.found, o.Search); other != "" {
		p.log().Warn("this plugin is opened by its path and is named like another, which its name alone would open", "plugin", p.label(), "used", p.found.Path,
			"not_used", other, "remedy", "give it a name of its own; the manifest tells the two apart by sha256 alone")
	}
	if o.Host != nil {
		if p.host, err = serveHost(ctx, o.Host); err != nil {
			return nil, p.failure("Start", "", Refused, err, nil)
		}
	}
	if _, err := p.instance(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *process) log() *slog.Logger {
	if p.opts.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return p.opts.Log
}

// label is the plugin's name as far as it is known.
func (p *process) label() string {
	if p.found.Name != "" {
		return string(p.kind) + " " + p.found.Name
	}
	return string(p.kind) + " " + p.opts.Name
}

// failure makes an Error about the plugin.
func (p *process) failure(call, sent string, cause Cause, err error, run *instance) *Error {
	e := &Error{Kind: p.kind, Plugin: p.label(), Path: p.found.Path, Call: call, Sent: sent, Cause: cause, Err: err}
	if run != nil && cause != Cancelled {
		e.Stderr = run.tail.last()
	}
	return e
}

// plugin returns what is known about the plugin.
func (p *process) plugin() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

// instance returns the running process; it starts one where there is none.
func (p *process) instance(ctx context.Context) (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, p.failure("Start", "", Refused, errors.New("the plugin was closed"), nil)
	}
	if p.run != nil {
		return p.run, nil
	}
	if p.started && p.kind == KindPolicy {
		return nil, p.failure("Start", "", Died, errors.New("its state went with it; resume the run from its last checkpoint"), nil)
	}
	run, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	info, err := p.introduce(ctx, run)
	if err != nil {
		run.end()
		return nil, err
	}
	p.run, p.info, p.started = run, info, true
	return run, nil
}

// start starts the process and connects to it.
func (p *process) start(ctx context.Context) (*instance, error) {
	run := &instance{tail: &tail{log: p.opts.Log, plugin: strings.TrimPrefix(p.label(), string(p.kind)+" ")}}
	sweepSockets(os.TempDir())
	var err error
	if run.sockets, err = os.MkdirTemp("", socketFolder); err != nil { // of mode 0700
		return nil, p.failure("Start", "", Refused, err, nil)
	}
	life, kill := context.WithCancel(context.WithoutCancel(ctx)) // the process outlives the call that starts it
	run.kill = kill
	run.cmd = exec.CommandContext(life, p.found.Path)
	run.cmd.Env = append(os.Environ(), p.opts.Env...)
	run.cmd.Env = append(run.cmd.Env, goplugin.EnvUnixSocketDir+"="+run.sockets)
	config := &goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{Protocol: {}},
		Cmd:              run.cmd,
		SkipHostEnv:      true, // it is in run.cmd.Env, where Options.Env can win over it
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		StartTimeout:     p.startTimeout(),
		Logger:           hclog.NewNullLogger(),
		Stderr:           run.tail.writer(),
		SyncStdout:       run.tail.writer(),
		SyncStderr:       run.tail.writer(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes))},
	}
	run.client = goplugin.NewClient(config)
	done := make(chan struct{})
	go func() {
		undo := detach(run.cmd)
		err = run.connect(config)
		close(done)
		<-life.Done() // end and stop see to it
		undo()
	}()
	select {
	case <-done:
		if err != nil {
			cause, told := startFailure(err, run, p.startTimeout())
			e := p.failure("Start", "", cause, told, run)
			run.end()
			return nil, e
		}
		go follow(run.cmd)
		return run, nil
	case <-ctx.Done():
		run.kill()
		<-done
		run.end()
		return nil, p.failure("Start", "", Cancelled, context.Cause(ctx), run)
	}
}

// startTimeout is how long the handshake may take. A policy's calls may be quicker than the loading of its libraries.
func (p *process) startTimeout() time.Duration {
	if p.kind == KindPolicy || p.opts.Timeout < 0 {
		return startTimeout
	}
	return min(startTimeout, max(startPatience, p.opts.Timeout))
}

// connect waits for the handshake and dials.
func (r *instance) connect(config *goplugin.ClientConfig) error {
	addr, err := r.client.Start()
	if err != nil {
		return err
	}
	if config.TLSConfig != nil && config.TLSConfig.RootCAs == nil {
		// The plugin offered no certificate: TLS for it needs keys that not every language's gRPC can read. A Unix socket
		// is guarded by the file system instead; a port that everybody on the machine can reach is not.
		if addr.Network() != "unix" {
			return fmt.Errorf("it listens on %s without a certificate; a plugin without TLS must listen on a Unix socket", addr.Network())
		}
		config.TLSConfig = nil
	}
	protocol, err := r.client.Client()
	if err != nil {
		return err
	}
	c, ok := protocol.(*goplugin.GRPCClient)
	if !ok {
		return fmt.Errorf("it speaks %s, not grpc", r.client.Protocol())
	}
	r.conn = c.Conn
	return nil
}

// startFailure puts go-plugin's words on a start into ours.
func startFailure(err error, r *instance, patience time.Duration) (Cause, error) {
	text := err.Error()
	switch {
	case strings.Contains(text, "Failed to read any lines") || strings.Contains(text, "exited before we could connect"):
		how, gone := r.exited(exitPatience)
		if !gone {
			how = "it closed standard output without a handshake"
		}
		return Died, fmt.Errorf("%s before the handshake: it may lack a library, or be built for another machine", how)
	case strings.Contains(text, "Unrecognized remote plugin message"):
		_, line, _ := strings.Cut(text, "Unrecognized remote plugin message: ")
		line, _, _ = strings.Cut(line, "\n")
		return Wrong, fmt.Errorf("it printed %.80q on standard output where the handshake belongs; print to standard error instead, and nothing before Serve", line)
	case strings.Contains(text, "timeout while waiting"):
		return Hung, fmt.Errorf("no handshake within %v", patience)
	case strings.Contains(text, "incompatible"):
		_, versions, _ := strings.Cut(text, "Plugin version: ")
		theirs, _, _ := strings.Cut(versions, ",")
		mend := "it is newer: update harness, or use the plugin's build"
		if n, err := strconv.Atoi(strings.TrimSpace(theirs)); err == nil && n < Protocol {
			mend = "it is older: build it anew against a package plugins"
		}
		return Refused, fmt.Errorf("it speaks protocol %s and this harness protocol %d; %s of protocol %d", theirs, Protocol, mend, Protocol)
	case strings.Contains(text, "unsupported plugin protocol"):
		return Refused, errors.New("it speaks net/rpc, and the harness gRPC")
	case strings.Contains(text, "exec format error"):
		return Refused, errors.New("it is no program for this machine: a script needs a #! line, a binary this architecture")
	}
	return Refused, err
}

// exited tells how the process ended; it waits a moment for the news, since a connection breaks before a process is
// reaped.
func (r *instance) exited(patience time.Duration) (string, bool) {
	for deadline := time.Now().Add(patience); !r.client.Exited(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return "", false
		}
	}
	if r.cmd.ProcessState == nil {
		return "the process is gone", true
	}
	return r.cmd.ProcessState.String(), true
}

// end stops the process at once.
func (r *instance) end() {
	r.kill()
	r.stop()
}

// stop asks the process to leave, and ends it where it does not.
func (r *instance) stop() {
	done := make(chan struct{})
	go func() { r.client.Kill(); close(done) }() // reaps it and ends the goroutines that read its output
	for range 2 {
		select {
		case <-done:
		case <-time.After(closeTimeout): // the second time a process that left the group holds the output, and is left alone
		}
		r.kill()
	}
	_ = os.RemoveAll(r.sockets)
}

// ask asks who the plugin is.
func (p *process) ask(ctx context.Context, run *instance) (Info, error) {
	var info Info
	err := p.try(ctx, run, "Info", "", errHung{after: p.opts.Timeout}, func(ctx context.Context, _ func()) error {
		r, err := wire.NewPluginServiceClient(run.conn).Info(ctx, &wire.InfoRequest{})
		if err != nil {
			return err
		}
		info = infoFromWire(r)
		return checkInfo(info, p.kind, p.found.Name)
	})
	if err != nil {
		return Info{}, err
	}
	info.Path, info.SHA256, info.Shadowed = p.found.Path, p.sum, p.found.Shadowed
	return info, nil
}

// introduce asks who the plugin is and gives it its settings.
func (p *process) introduce(ctx context.Context, run *instance) (Info, error) {
	info, err := p.ask(ctx, run)
	if err != nil {
		return Info{}, err
	}
	if p.found.Name == "" { // only before other goroutines know p: a restart finds the name set
		p.found.Name = info.Name
	}
	settings, err := mergeSet(info.Schema, p.opts.Settings, p.opts.Set)
	if err == nil {
		err = checkSettings(info.Schema, settings)
	}
	if err != nil {
		return Info{}, &SettingsError{Plugin: p.label(), Err: err}
	}
	limit := errHung{after: p.opts.Timeout}
	if p.kind == KindPolicy { // which loads gigabytes meanwhile
		limit = p.silence()
	}
	var invalid error
	err = p.try(ctx, run, "Configure", fmt.Sprintf("settings %.200s", settings), limit, func(ctx context.Context, _ func()) error {
		r, err := wire.NewPluginServiceClient(run.conn).Configure(ctx, &wire.ConfigureRequest{Settings: string(settings), Host: p.host.address()})
		if status.Code(err) == codes.InvalidArgument {
			invalid = errors.New(status.Convert(err).Message())
			return nil
		}
		if err != nil {
			return err
		}
		info.Settings = json.RawMessage(r.GetSettings())
		if len(info.Settings) == 0 {
			info.Settings = settings
		}
		if !json.Valid(info.Settings) {
			return wrong("settings that are no JSON: %.80q", r.GetSettings())
		}
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	if invalid != nil {
		return Info{}, &SettingsError{Plugin: p.label(), Err: invalid}
	}
	return info, nil
}

// SettingsError says that a plugin's settings are wrong: the user's mistake, not the plugin's.
type SettingsError struct {
	Plugin string
	Err    error
}

// Error names the plugin and the setting.
func (e *SettingsError) Error() string { return fmt.Sprintf("%s: %v", e.Plugin, e.Err) }

// Unwrap returns the error beneath.
func (e *SettingsError) Unwrap() error { return e.Err }

func infoFromWire(r *wire.InfoResponse) Info {
	return Info{
		Kind: Kind(r.GetKind()), Name: r.GetName(), Version: r.GetVersion(), Doc: r.GetDescription(),
		Protocol: int(r.GetProtocol()), Schema: json.RawMessage(r.GetSettingsSchema()),
	}
}

// checkInfo holds a plugin to what its file's name promised; name is "" where the file's name says nothing.
func checkInfo(i Info, kind Kind, name string) error {
	switch {
	case i.Protocol != Protocol:
		return wrong("it says that it speaks protocol %d and this harness speaks %d", i.Protocol, Protocol)
	case i.Kind != kind:
		return wrong("it is a plugin of kind %q where one of kind %q is wanted", i.Kind, kind)
	case CheckName(i.Name) != nil:
		return wrong("%v", CheckName(i.Name))
	case name != "" && i.Name != name:
		return wrong("its file is named %s and it calls itself %q: rename the one or the other", FileName(kind, name), i.Name)
	case i.Version == "":
		return wrong("it has no version")
	case !json.Valid(i.Schema):
		return wrong("its settings schema is no JSON: %.80q", i.Schema)
	}
	return nil
}

// silence is the limit of a policy's call.
func (p *process) silence() errHung { return errHung{after: p.opts.Silence, silent: true} }

// try makes one call of an instance, which fails with limit when that time has passed since it began, or since call last
// heard of the plugin and said so; a time ≤ 0 leaves it to ctx.
func (p *process) try(ctx context.Context, run *instance, name, sent string, limit errHung, call func(ctx context.Context, heard func()) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	heard := func() {}
	if limit.after > 0 {
		timer := time.AfterFunc(limit.after, func() { cancel(limit) })
		defer timer.Stop()
		heard = func() { timer.Reset(limit.after) }
	}
	err := call(inner, heard)
	if err == nil {
		return nil
	}
	var own callerError
	if errors.As(err, &own) {
		return own.error
	}
	cause, told := classify(ctx, inner, err, run.exited)
	return p.failure(name, sent, cause, told, run)
}

// pure makes a call that may be repeated: a plugin that died or hung is started afresh, once.
func (p *process) pure(ctx context.Context, name, sent string, call func(context.Context, *grpc.ClientConn) error) error {
	for again := false; ; again = true {
		run, err := p.instance(ctx)
		if err == nil {
			err = p.try(ctx, run, name, sent, errHung{after: p.opts.Timeout}, func(ctx context.Context, _ func()) error { return call(ctx, run.conn) })
		}
		var e *Error
		if err == nil || !errors.As(err, &e) {
			return err
		}
		e.Restarted = again
		if e.Cause != Died && e.Cause != Hung {
			return e
		}
		p.discard(run)
		if again || run == nil {
			return e
		}
		p.log().Warn("restarting a plugin and repeating the call", "plugin", p.label(), "call", name, "sent", sent, "cause", string(e.Cause), "error", e.Err.Error())
	}
}

// once makes a call that must not be repeated; a process that died or hung in it stays away.
func (p *process) once(ctx context.Context, name, sent string, call func(context.Context, *grpc.ClientConn) error) error {
	return p.stream(ctx, name, sent, func(ctx context.Context, conn *grpc.ClientConn, _ func()) error { return call(ctx, conn) })
}

// stream is once for a call that has many answers: heard is to be called at each.
func (p *process) stream(ctx context.Context, name, sent string, call func(ctx context.Context, conn *grpc.ClientConn, heard func()) error) error {
	run, err := p.instance(ctx)
	if err != nil {
		return err
	}
	err = p.try(ctx, run, name, sent, p.silence(), func(ctx context.Context, heard func()) error { return call(ctx, run.conn, heard) })
	var e *Error
	if errors.As(err, &e) && (e.Cause == Died || e.Cause == Hung) {
		p.discard(run)
	}
	return err
}

// pid returns the id of the running process, or 0.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil || p.run.cmd.Process == nil {
		return 0
	}
	return p.run.cmd.Process.Pid
}

// discard ends an instance, unless another caller has done so.
func (p *process) discard(run *instance) {
	p.mu.Lock()
	mine := run != nil && p.run == run
	if mine {
		p.run = nil
	}
	p.mu.Unlock()
	if mine {
		run.end()
	}
}

// close stops the process; later calls fail.
func (p *process) close() {
	p.mu.Lock()
	run := p.run
	p.run, p.closed = nil, true
	p.mu.Unlock()
	if run != nil {
		run.stop()
	}
	p.host.close()
}

// Inspect starts the plugin that has a name or a path, asks who it is, and stops it. It gives no settings, so nothing is
// loaded. env is added to the process's environment.
func Inspect(ctx context.Context, kind Kind, name string, env ...string) (Info, error) {
	p, err := findProcess(kind, Options{Name: name, Env: env})
	if err != nil {
		return Info{}, err
	}
	run, err := p.start(ctx)
	if err != nil {
		return Info{}, err
	}
	defer run.stop()
	return p.ask(ctx, run)
}
