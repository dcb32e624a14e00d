package plugins

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// Host is what the harness offers to a plugin: to run and to lint Python as it does itself, so that a plugin needs no
// interpreter of its own. Its methods may be called from several goroutines at once.
type Host interface {
	// Verify runs a program against the tests of a task.
	Verify(ctx context.Context, t core.Task, program string) (core.Verdict, error)
	// Lint lints a program without running it.
	Lint(ctx context.Context, program string) (core.Lint, error)
}

// HostUser is implemented by a plugin that calls the harness back.
type HostUser interface {
	// UseHost is called once, after open and before any other call; h is nil where the harness offers nothing, and a
	// plugin that cannot do without returns an error.
	UseHost(h Host) error
}

// hostServer serves a Host on a Unix socket in a folder that only this user can enter. It is no go-plugin broker, so that
// a plugin in any language reaches it with an ordinary gRPC channel.
type hostServer struct {
	dir    string
	server *grpc.Server
	done   chan struct{}
}

func serveHost(ctx context.Context, h Host) (*hostServer, error) {
	dir, err := os.MkdirTemp("", "harness-host-") // of mode 0700
	if err != nil {
		return nil, fmt.Errorf("serve the host: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", filepath.Join(dir, "socket"))
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("serve the host: %w", err)
	}
	s := &hostServer{
		dir: dir, done: make(chan struct{}),
		server: grpc.NewServer(grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxSendMsgSize(MaxMessageBytes)),
	}
	wire.RegisterHostServiceServer(s.server, &hostService{host: h})
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // ends with Stop
	}()
	return s, nil
}

// address is where the host is served, or "".
func (s *hostServer) address() string {
	if s == nil {
		return ""
	}
	return "unix:" + filepath.Join(s.dir, "socket")
}

func (s *hostServer) close() {
	if s == nil {
		return
	}
	s.server.Stop()
	<-s.done
	_ = os.RemoveAll(s.dir)
}

type hostService struct {
	wire.UnimplementedHostServiceServer
	host Host
}

// Verify answers with a verdict.
func (s *hostService) Verify(ctx context.Context, r *wire.VerifyRequest) (*wire.VerifyResponse, error) {
	v, err := s.host.Verify(ctx, taskFromWire(r.GetTask()), string(r.GetProgram()))
	if err != nil {
		return nil, answerError(ctx, err)
	}
	return &wire.VerifyResponse{Verdict: verdictToWire(v)}, nil
}

// LintProgram answers with a profile.
func (s *hostService) LintProgram(ctx context.Context, r *wire.LintProgramRequest) (*wire.LintProgramResponse, error) {
	l, err := s.host.Lint(ctx, string(r.GetProgram()))
	if err != nil {
		return nil, answerError(ctx, err)
	}
	return &wire.LintProgramResponse{Lint: lintToWire(l)}, nil
}

// hostClient is the plugin's end of a Host.
type hostClient struct{ conn *grpc.ClientConn }

var _ Host = (*hostClient)(nil)

func dialHost(address string) (*hostClient, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes)))
	if err != nil {
		return nil, fmt.Errorf("dial the host at %s: %w", address, err)
	}
	return &hostClient{conn}, nil
}

func (c *hostClient) close() {
	if c != nil {
		_ = c.conn.Close()
	}
}

// Verify implements Host.
func (c *hostClient) Verify(ctx context.Context, t core.Task, program string) (core.Verdict, error) {
	r, err := wire.NewHostServiceClient(c.conn).Verify(ctx, &wire.VerifyRequest{Task: taskToWire(t), Program: []byte(program)})
	if err != nil {
		return core.Verdict{}, hostError("Verify", err)
	}
	return verdictFromWire(r.GetVerdict()), nil
}

// Lint implements Host.
func (c *hostClient) Lint(ctx context.Context, program string) (core.Lint, error) {
	r, err := wire.NewHostServiceClient(c.conn).LintProgram(ctx, &wire.LintProgramRequest{Program: []byte(program)})
	if err != nil {
		return core.Lint{}, hostError("Lint", err)
	}
	return lintFromWire(r.GetLint()), nil
}

func hostError(call string, err error) error {
	s := status.Convert(err)
	if s.Code() == codes.Canceled {
		return fmt.Errorf("host: %s: %w", call, context.Canceled)
	}
	return fmt.Errorf("host: %s: %s", call, s.Message())
}
