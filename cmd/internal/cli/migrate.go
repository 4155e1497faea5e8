package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/identifier"
)

// migration is one run of idctl migrate.
type migration struct {
	*app
	open       opener
	files      []string
	mode       string
	dryRun     bool
	verify     bool
	allocate   bool
	enterprise string
	public     bool
	renames    []rename
	stateName  string

	known     map[string]bool // prefixes that are there, or will be
	templates templatePlan
	again     bool // the next part may be stored already
	counted   bool // an earlier run has noted what is wrong with the templates
	seen      map[[16]byte]struct{}
	report    migrationReport
	failed    failures
}

// rename gives what stands under a prefix a place under another.
type rename struct{ from, to string }

func (a *app) migrateCommand() *cobra.Command {
	return group("migrate", "Take over templates and records from other software", a.migrateHandle(), a.migrateSNMS())
}

// migrateFlags are those of both sources.
type migrateFlags struct {
	m        migration
	renames  []string
	encoding string
	errors   string
}

func (f *migrateFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.BoolVar(&f.m.dryRun, "dry-run", false, "store nothing: say what is new, the same, different and wrong")
	s.BoolVar(&f.m.verify, "verify", false, "store nothing: read everything back and compare it with the files")
	s.StringVar(&f.m.mode, "mode", "create", "what to do with what exists: create (it fails), upsert (replace it) or skip-existing")
	s.BoolVar(&f.m.allocate, "allocate", false, "allocate prefixes under the node that are not allocated (operators only)")
	s.StringVar(&f.m.enterprise, "enterprise", "", "`ID` of the enterprise to allocate prefixes to (default: the node's own)")
	s.StringArrayVar(&f.renames, "map", nil, "`PREFIX=NEW`: what stands under PREFIX is stored under NEW; what values say stays (repeatable)")
	s.StringVar(&f.m.stateName, "state", "", "`FILE` that keeps how far the migration came (default: FILE.migrate.json)")
	s.StringVar(&f.errors, "errors", "", "`FILE` for what is wrong, written only if anything is (default: FILE.errors.ndjson)")
	s.StringVar(&f.encoding, "encoding", "utf-8", "encoding of the files: utf-8 or gb18030")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "verify")
}

const migrateRules = `
With --dry-run everything is read and held to all checks of the node, and nothing is stored: the
report says how much is new, the same, different or wrong. Whatever is wrong stands in the file of
--errors with its place in the files, a code and a sentence; idctl then exits with 1.

A run that was interrupted, at whatever moment, goes on where it stopped when it is started again
with the same arguments: the state file beside the input says how far it came, and goes at the
end. With --verify everything is read back afterwards and compared, value by value.`

func (a *app) migrateHandle() *cobra.Command {
	var f migrateFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "handle FILE…",
		Short: "Take over a dump of a Handle.Net server",
		Long: `Take over the records of a Handle.Net server, octet by octet: HS_ADMIN, keys and secrets,
permissions, TTLs, timestamps and references included.

Files are, also in gzip: JSON as its REST interface answers, {"handle":…,"values":[…]}, one a line, in
arrays or printed over many lines; the list of hdl-dblist -v; batch text as hdl-genericbatch takes it
and "idctl export --format handle" writes it, of which CREATE blocks are records. Values of the form
FILE are found by name in the directory of --files.

Records of prefixes (0.NA/PREFIX) are stored by operators.
` + migrateRules,
		Example: "  idctl migrate handle --dry-run --allocate dump.json\n  idctl migrate handle --allocate dump.json\n  idctl migrate handle --verify dump.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.migrate(ctx, &f, args, handleFiles(args, f.encoding, dir))
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&dir, "files", "", "`DIRECTORY` of the files that values of batch text name")
	return cmd
}

func (a *app) migrateSNMS() *cobra.Command {
	var f migrateFlags
	var c crawl
	cmd := &cobra.Command{
		Use:   "snms FILE… | snms --from URL --username NAME --handles FILE",
		Short: "Take over templates and identifiers of SNMS",
		Long: `Take over templates and identifiers of SNMS from saved calls: answers of GET template (v3 or v5) and
GET data/detail, with their envelope or without, and the bodies of POST template, data and
data/batchCreate; in any mix, one a line, in arrays or printed over many lines, also in gzip.

Templates come first. The values 1000 TEMPLATE_ID and 1001 TEMPLATE that note the template of an
identifier are kept as they are, and must agree with its templateVersion. Values of answers that are
not marked auth "1" are stored so that not everybody may read them, unless --public is given.

With --from they are fetched from an SNMS that runs: the identifiers that the file of --handles names,
one a line, and the templates that they follow. What has come is kept in the spool file, from which
the migration then reads; a crawl that was interrupted goes on where it stopped. To fetch again,
remove the spool.
` + migrateRules,
		Example: "  idctl migrate snms --dry-run templates.json handles.ndjson.gz\n  idctl migrate snms --from http://old:8000 --username ent --password-file pw --handles list.txt --dry-run",
		Args:    cobra.ArbitraryArgs,
		RunE: a.run(func(ctx context.Context, args []string) error {
			switch {
			case c.from == "" && len(args) == 0:
				return usagef("name files, or an SNMS with --from")
			case c.from != "" && (len(args) > 0 || c.list == "" || c.username == ""):
				return usagef("--from needs --handles and --username, and no files")
			case c.from != "":
				spool, err := a.crawl(ctx, &c)
				if err != nil {
					return err
				}
				args = []string{spool}
				f.encoding = "utf-8"
			}
			return a.migrate(ctx, &f, args, snmsFiles(args, f.encoding))
		}),
	}
	f.add(cmd)
	c.add(cmd)
	cmd.Flags().BoolVar(&f.m.public, "public", false, "everybody may read all values, whatever auth says")
	return cmd
}

// migrate runs a migration of what open reads.
func (a *app) migrate(ctx context.Context, f *migrateFlags, files []string, open opener) error {
	m := &f.m
	m.app, m.files, m.open = a, files, open
	if !slices.Contains([]string{"create", "upsert", "skip-existing"}, m.mode) {
		return usagef("--mode is create, upsert or skip-existing, not %q", m.mode)
	}
	if !slices.Contains([]string{"utf-8", "gb18030"}, f.encoding) {
		return usagef("--encoding is utf-8 or gb18030, not %q", f.encoding)
	}
	if m.enterprise != "" && !m.allocate {
		return usagef("--enterprise is for --allocate")
	}
	for _, text := range f.renames {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" || to == "" {
			return usagef("--map is PREFIX=NEW, not %q", text)
		}
		m.renames = append(m.renames, rename{identifier.FoldASCII(from), to})
	}
	if _, err := a.key(); err != nil {
		return err
	}
	m.stateName = orDefault(m.stateName, files[0]+".migrate.json")
	m.failed = failures{name: orDefault(f.errors, files[0]+".errors.ndjson")}
	m.known = map[string]bool{}
	m.report = migrationReport{DryRun: m.dryRun, Verify: m.verify}
	begin := time.Now()
	err := m.run(ctx)
	if cerr := m.failed.close(); err == nil {
		err = cerr
	}
	m.report.Seconds += time.Since(begin).Seconds()
	m.report.Errors = m.failed.written()
	return m.conclude(err)
}

// conclude prints the report and returns the command's error.
func (m *migration) conclude(err error) error {
	name := strings.Join(m.files, ", ")
	if m.output == "json" {
		if perr := m.printJSON(&m.report); perr != nil {
			return perr
		}
	} else {
		if _, werr := m.Out.Write([]byte(m.report.text(clean(name)))); werr != nil {
			return werr
		}
		m.showFailures()
	}
	if err != nil {
		if !m.dryRun && !m.verify {
			return failf("migration stopped: %v; run it again to go on", err)
		}
		return err
	}
	bad := m.report.Wrong
	if m.verify {
		bad += m.report.Records.New + m.report.Records.Different
	}
	if bad > 0 {
		return &outcome{code: exitFailed, name: "rows_failed", text: say(m.language(), "%d pieces are wrong", bad), printed: m.output != "json"}
	}
	return nil
}

// removeOld removes the failures of an earlier run, which would be taken for those of this one.
func (m *migration) removeOld() error {
	if err := os.Remove(m.failed.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failf("remove old errors: %v", err)
	}
	return nil
}
