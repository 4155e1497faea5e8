package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/dump"
	"github.com/idnode/idnode/proto/identifier"
)

// dumpRecords are records with everything that a value may be.
func dumpRecords() []*dump.Record {
	v := func(index uint32, kind string, data []byte, more ...func(*identifier.Value)) identifier.Value {
		out := identifier.Value{Index: index, Type: kind, Data: data, TTL: 86400, Perms: identifier.DefaultPerms, Timestamp: 1420113600 + index}
		for _, set := range more {
			set(&out)
		}
		return out
	}
	secret := func(v *identifier.Value) { v.Perms = identifier.AdminRead | identifier.AdminWrite }
	admin := handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: identifier.Ref{Handle: "0.NA/88.1021.77", Index: 300}})
	key := handle.AppendPublicKey(nil, handle.PublicKey{Algorithm: handle.KeyRSA, N: []byte{0xc3, 0x55, 0x78}, E: []byte{1, 0, 1}})
	legacy := append(bytes.Clone(admin), 0, 0)
	return []*dump.Record{
		{Handle: "0.NA/88.1021.77", Values: []identifier.Value{v(100, "HS_ADMIN", admin), v(300, "HS_PUBKEY", key), v(301, "HS_SECKEY", []byte("a secret"), secret)}},
		{Handle: "88.1021.77/pump 一号", Values: []identifier.Value{v(1, "URL", []byte("https://example.com/?a=1&b=<2>")), v(100, "HS_ADMIN", legacy),
			v(200, "HS_VLIST", handle.AppendRefs(nil, []identifier.Ref{{Handle: "88.1021.77/a", Index: 300}, {Handle: "0.NA/88.1021.77", Index: 300}}))}},
		{Handle: "88.1021.77/odd", Values: []identifier.Value{
			v(5, "BIN", []byte{0, 0xff, '\n'}), v(3, "EMPTY", nil), v(7, "BLANK", []byte(" x \r\n"), secret),
			v(2, "MOMENT", []byte("m"), func(v *identifier.Value) { v.TTLType, v.TTL = identifier.Absolute, 1893456000 }),
			v(9, "REFS", []byte("r"), func(v *identifier.Value) {
				v.Refs = []identifier.Ref{{Handle: "88.1021.77/a", Index: 300}, {Handle: "0.NA/88", Index: 0}}
				v.Perms = 15
			}),
		}},
	}
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func dumpText(t *testing.T, records []*dump.Record) []byte {
	t.Helper()
	var text []byte
	for _, r := range records {
		var err error
		if text, err = dump.Append(text, r); err != nil {
			t.Fatal(err)
		}
	}
	return text
}

// want runs idctl and holds it to its exit code and to what it prints.
func (d *daemon) want(code int, out string, args ...string) string {
	d.t.Helper()
	got, stdout, stderr := d.idctl("", args...)
	if got != code || !strings.Contains(stdout+stderr, out) {
		d.t.Errorf("idctl %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, out, stdout, stderr)
	}
	return stdout
}

// TestMigrateHandle: a dump goes into an empty node, comes out the same, and goes into another one.
func TestMigrateHandle(t *testing.T) {
	first, second := startDaemon(t, t.TempDir()), startDaemon(t, t.TempDir())
	file := writeFile(t, "dump.txt", dumpText(t, dumpRecords()))
	first.want(1, "invalid_request", "migrate", "handle", "--dry-run", writeFile(t, "bad.txt", []byte("CREATE 88.1021.77/x\n1 URL\n\n")))
	first.want(0, "3: 3 new, 0 the same, 0 different", "migrate", "handle", "--dry-run", "--allocate", file)
	first.want(3, "not_found", "get", "88.1021.77/odd")
	first.want(1, "not_your_namespace", "migrate", "handle", "--dry-run", file)
	first.want(0, "3: 3 stored, 0 skipped", "migrate", "handle", "--allocate", file)
	if _, err := os.Stat(file + ".migrate.json"); err == nil {
		t.Error("the state is still there")
	}
	first.want(0, "3: 3 the same, 0 different, 0 missing", "migrate", "handle", "--verify", file)
	first.want(0, "3: 0 new, 3 the same, 0 different", "migrate", "handle", "--dry-run", "--mode", "upsert", file)
	first.want(1, "already_exists", "migrate", "handle", file)
	first.want(0, "3: 0 stored, 3 skipped", "migrate", "handle", "--mode", "upsert", file)

	text := first.want(0, "", "export", "--format", "handle")
	again := writeFile(t, "again.txt", []byte(text))
	second.want(0, "3: 3 stored, 0 skipped", "migrate", "handle", "--allocate", again)
	if got := second.want(0, "", "export", "--format", "handle"); got != text {
		t.Errorf("exported %s\nwant %s", got, text)
	}
	second.want(0, "3: 3 the same", "migrate", "handle", "--verify", file)

	// Something that changed is found.
	second.want(0, "", "update", "88.1021.77/odd", "--value", "3:EMPTY=full")
	second.want(1, "value 3 has another data", "migrate", "handle", "--verify", file)
	second.want(0, "3: 0 new, 2 the same, 1 different", "migrate", "handle", "--dry-run", "--mode", "upsert", file)
}
