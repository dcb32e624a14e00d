package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// serve is the main of every plugin. T is the contract of the plugin's kind.
func serve[S, T any](kind Kind, info Info, defaults S, open func(context.Context, S) (T, error), register func(*grpc.Server, func() (T, error))) {
	info.Kind, info.Protocol = kind, Protocol
	info.Schema = schemaOf(defaults, presetNames(defaults))
	if os.Getenv(handshake.MagicCookieKey) != handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "This is the %s %s, a plugin of harness: it is started by it.\n%s\nTry: harness plugin check %s\n",
			kind, info.Name, info.Doc, os.Args[0])
		os.Exit(1)
	}
	if err := CheckName(info.Name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go exitWithParent()

	c := &configured[S, T]{info: info, defaults: defaults, open: open, stderr: os.Stderr}
	all := services{register: func(s *grpc.Server) {
		wire.RegisterPluginServiceServer(s, c)
		register(s, c.get)
	}}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{Protocol: {"harness": all}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxSendMsgSize(MaxMessageBytes))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
	})
	c.close()
}

// exitWithParent ends the process when the harness is gone, on systems where the kernel does not: it may have been killed
// with no chance to say so, and a policy that nobody reads would hold its memory for ever.
func exitWithParent() {
	parent := os.Getppid()
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			// The harness can no longer remove the folder that it made for the socket.
			if dir := os.Getenv(goplugin.EnvUnixSocketDir); strings.HasPrefix(filepath.Base(dir), socketFolder) {
				_ = os.RemoveAll(dir)
			}
			os.Exit(1)
		}
	}
}

// services registers a plugin's services with go-plugin's server.
type services struct {
	goplugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

// GRPCServer implements goplugin.GRPCPlugin.
func (s services) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	s.register(server)
	return nil
}

// GRPCClient implements goplugin.GRPCPlugin; the host's end talks to the connection itself.
func (s services) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("plugins: the host's end is opened with OpenReward, OpenOptimizer or OpenPolicy")
}

// configured is a plugin's PluginService: it holds the implementation from Configure on.
type configured[S, T any] struct {
	wire.UnimplementedPluginServiceServer
	info     Info
	defaults S
	open     func(context.Context, S) (T, error)
	stderr   *os.File // as the process was given it

	mu   sync.Mutex
	impl *T
	host *hostClient
}

// Info answers who the plugin is.
func (c *configured[S, T]) Info(context.Context, *wire.InfoRequest) (*wire.InfoResponse, error) {
	// go-plugin has put pipes in place of both, which it empties over the connection: what a plugin says as it dies would
	// die with it. Nothing of the author's runs before the first Info.
	c.mu.Lock()
	os.Stdout, os.Stderr = c.stderr, c.stderr
	c.mu.Unlock()
	return &wire.InfoResponse{
		Kind: string(c.info.Kind), Name: c.info.Name, Version: text(c.info.Version), Protocol: Protocol,
		SettingsSchema: string(c.info.Schema), Description: text(c.info.Doc),
	}, nil
}

// Configure opens the implementation with the settings.
func (c *configured[S, T]) Configure(ctx context.Context, r *wire.ConfigureRequest) (*wire.ConfigureResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.impl != nil {
		return nil, status.Error(codes.FailedPrecondition, "Configure was called before")
	}
	settings, err := decodeSettings(c.info.Schema, json.RawMessage(r.GetSettings()), c.defaults)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	impl, err := c.open(ctx, settings)
	if err != nil {
		if bad, ok := errors.AsType[*BadSetting](err); ok {
			return nil, status.Error(codes.InvalidArgument, text(bad.Error()))
		}
		return nil, answerError(ctx, err)
	}
	if user, ok := any(impl).(HostUser); ok {
		if r.GetHost() != "" {
			if c.host, err = dialHost(r.GetHost()); err != nil {
				return nil, answerError(ctx, err)
			}
		}
		var host Host
		if c.host != nil {
			host = c.host
		}
		if err := user.UseHost(host); err != nil {
			return nil, answerError(ctx, err)
		}
	}
	resolved, err := json.Marshal(settings)
	if err != nil {
		return nil, answerError(ctx, fmt.Errorf("settings: %w", err))
	}
	c.impl = &impl
	return &wire.ConfigureResponse{Settings: string(resolved)}, nil
}

// get returns the implementation.
func (c *configured[S, T]) get() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.impl == nil {
		var none T
		return none, status.Error(codes.FailedPrecondition, "Configure comes before any other call")
	}
	return *c.impl, nil
}

// close closes what the implementation holds.
func (c *configured[S, T]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.impl == nil {
		return
	}
	if closer, ok := any(*c.impl).(io.Closer); ok {
		if err := closer.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "close: %v\n", err)
		}
	}
	c.host.close()
}

// BadSetting is returned by an author's open where a setting that the schema lets through makes no sense: beside another one,
// or since what it names is not there.
type BadSetting struct {
	// Name is the setting to change.
	Name string
	Err  error
}

// Error begins with the setting's name.
func (e *BadSetting) Error() string { return fmt.Sprintf("settings: %s: %v", e.Name, e.Err) }

// Unwrap returns the error beneath.
func (e *BadSetting) Unwrap() error { return e.Err }

// answerError gives an author's error the status that the host's end reads.
func answerError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unknown, text(err.Error()))
}
