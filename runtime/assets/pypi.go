package assets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// PyPI gets a wheel or a source distribution with pip, from whatever index the user's pip is set up for. pip itself
// refuses a file without the pinned sha256.
type PyPI struct {
	Project, Version string
	// Python ("3.11"), ABI ("cp311") and Platform ("manylinux1_x86_64") choose the wheel; empty for a wheel that fits
	// any Python. They need not be those of the Python that runs pip.
	Python, ABI, Platform string
}

func (s PyPI) String() string { return "PyPI " + s.Project + " " + s.Version }

// Fetch implements Source.
func (s PyPI) Fetch(ctx context.Context, r *Request) error {
	out, tmp, req := filepath.Join(r.Work, "out"), filepath.Join(r.Work, "tmp"), filepath.Join(r.Work, "requirements.txt")
	for _, dir := range []string{out, tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(req, fmt.Appendf(nil, "%s==%s --hash=sha256:%s\n", s.Project, s.Version, r.SHA256), 0o644); err != nil {
		return err
	}
	// No cache: the file would lie on the disk twice, and pip cannot continue from its own.
	args := []string{
		"-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar=off",
		"--no-deps", "--require-hashes", "--dest", out, "--requirement", req,
	}
	if s.Platform != "" {
		args = append(args, "--only-binary=:all:", "--python-version="+s.Python, "--implementation=cp", "--abi="+s.ABI, "--platform="+s.Platform)
	}
	stop := watch(r.Work, r.Report)
	// pip downloads to its temporary folder first: it must have the room that the cache's disk was found to have.
	err := r.Run(ctx, r.Work, []string{"TMPDIR=" + tmp}, "python3", args...)
	stop()
	if err != nil {
		if strings.Contains(err.Error(), "No module named pip") {
			return MissingTool("pip")
		}
		return err
	}
	return takeOnly(out, "*", r.Path)
}
