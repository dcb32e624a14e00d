package wazeropatch

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// edit replaces text of a source file that occurs in it once.
type edit struct{ File, Old, New string }

const (
	amd64Folder = "internal/engine/wazevo/backend/isa/amd64/"
	machine     = amd64Folder + "machine.go"
	prologue    = amd64Folder + "machine_pro_epi_logue.go"
	encoding    = amd64Folder + "instr_encoding.go"
	versionFile = "internal/version/version.go"
)

// coldCode is a file that is added to the folder of the compiler for amd64.
//
//go:embed machine_cold.go.txt
var coldCode []byte

// edits call what coldCode holds.
var edits = []edit{
	{machine, "		labelResolutionPends []labelResolutionPend\n", "		labelResolutionPends []labelResolutionPend\n\n		cold coldCode\n"},
	{machine, "func (m *machine) Reset() {\n", "func (m *machine) Reset() {\n	m.cold.reset()\n"},
	{
		machine,
		"		execCtx, code := instr.ExitWithCodeData()\n		m.lowerExitWithCode(m.c.VRegOf(execCtx), code)\n",
		"		_, code := instr.ExitWithCodeData()\n		m.insert(m.allocateInstr().asJmp(newOperandLabel(m.coldExit(instr, code))))\n",
	},
	{
		machine,
		"		execCtx, c, code := instr.ExitIfTrueWithCodeData()\n		m.lowerExitIfTrueWithCode(m.c.VRegOf(execCtx), c, code)\n",
		"		_, c, code := instr.ExitIfTrueWithCodeData()\n		m.lowerColdExitIfTrue(instr, c, code)\n",
	},
	{machine, "	for i := range m.consts {\n		offset :=", "	m.encodeCold()\n	for i := range m.consts {\n		offset :="},
	{
		machine,
		"BasicBlock(targetBlkID))\n	cvalDef := m.c.ValueDefinition(cval)\n",
		"BasicBlock(targetBlkID))\n	cvalDef := m.c.ValueDefinition(cval)\n	if m.lowerBranchOnBits(b, cvalDef, target) {\n		return\n	}\n",
	},
	// The compiler forgets to mark the comparison as lowered, and emits it again.
	{machine, "		icmp.Lowered()\n", "		icmp.MarkLowered()\n"},
	{
		machine,
		"	rd := m.c.VRegOf(si.Return())\n\n	// rn is being overwritten, so we first copy its value to a temp register,\n	// in case it is referenced again later.\n" +
			"	tmp := m.copyToTmp(rn.reg())\n\n	alu :=",
		"	rd := m.c.VRegOf(si.Return())\n\n	if op == aluRmiROpcodeAdd && _64 && rm.kind == operandKindImm32 {\n" +
			"		m.insert(m.allocateInstr().asLEA(newOperandMem(m.newAmodeImmReg(rm.imm32(), rn.reg())), rd))\n		return\n	}\n" +
			"	tmp := m.copyToTmp(rn.reg())\n\n	alu :=",
	},
	// An address that is no label needs no label resolved.
	{encoding, "	case lea:\n		needsLabelResolution = true\n", "	case lea:\n		needsLabelResolution = i.op1.kind == operandKindLabel\n"},
	{
		prologue,
		"	cur = m.setupRBPRSP(cur)\n\n	if !m.stackBoundsCheckDisabled {\n		cur = m.insertStackBoundsCheck(m.requiredStackSize(), cur)\n	}\n",
		"	m.reserveColdContext()\n	cur = m.setupRBPWithStackCheck(m.requiredStackSize(), cur)\n",
	},
	{prologue, "	linkInstr(cur, prevInitInst)\n", "	cur = m.storeColdContext(cur)\n	linkInstr(cur, prevInitInst)\n"},
	// A branch of another group than its comparison's is never fused with it, and the group of a new branch was none.
	{
		"internal/engine/wazevo/ssa/pass_blk_layouts.go",
		"	newBranch.opcode = originalBranch.opcode\n",
		"	newBranch.opcode = originalBranch.opcode\n	newBranch.gid = originalBranch.gid\n",
	},
}

// Key identifies the changes.
func Key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1 %s %s %q %q", Version, Sum, edits, coldCode))
	return hex.EncodeToString(sum[:])
}

// apply changes the sources in the folder dir. The version that wazero then gives itself holds the key, so that machine code, which it
// keeps by version, is never that of another compiler.
func apply(dir string) error {
	all := append(edits[:len(edits):len(edits)], edit{
		versionFile, "var version string\n", fmt.Sprintf("var version = \"%s-harness-%s\"\n", Version, Key()[:12]),
	})
	for _, e := range all {
		name := filepath.Join(dir, filepath.FromSlash(e.File))
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("edit wazero: %w", err)
		}
		text := string(b)
		if n := strings.Count(text, e.Old); n != 1 {
			return fmt.Errorf("edit wazero: %s holds %d times what is to be replaced once: %q; the edits are for %s", e.File, n, e.Old, Version)
		}
		if err := os.WriteFile(name, []byte(strings.Replace(text, e.Old, e.New, 1)), 0o644); err != nil {
			return fmt.Errorf("edit wazero: %w", err)
		}
	}
	name := filepath.Join(dir, filepath.FromSlash(amd64Folder), "machine_cold.go")
	if err := os.WriteFile(name, coldCode, 0o644); err != nil {
		return fmt.Errorf("edit wazero: %w", err)
	}
	return nil
}
