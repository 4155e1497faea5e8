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

// TestMigrateHandleForms: the forms that a Handle.Net server and its tools give, and what they take.
func TestMigrateHandleForms(t *testing.T) {
	first, second := startDaemon(t, t.TempDir()), startDaemon(t, t.TempDir())
	rest := writeFile(t, "rest.json", []byte(`[
  {"responseCode":1,"handle":"0.NA/88.1021.78","values":[
    {"index":1,"type":"HS_SITE","data":{"format":"site","value":{"version":1,"protocolVersion":"2.10","serialNumber":1,"primarySite":true,"multiPrimary":false,
      "servers":[{"serverId":1,"address":"127.0.0.1","interfaces":[{"query":true,"admin":true,"protocol":"TCP","port":2641}]}]}},"ttl":86400,"timestamp":"2015-01-01T12:00:00Z"},
    {"index":300,"type":"HS_PUBKEY","data":{"format":"key","value":{"kty":"RSA","n":"w1V4","e":"AQAB"}},"ttl":86400,"timestamp":"2015-01-01T12:00:00Z"}]},
  {"responseCode":1,"handle":"88.1021.78/1","values":[
    {"index":100,"type":"HS_ADMIN","data":{"format":"admin","value":{"handle":"0.NA/88.1021.78","index":300,"permissions":"011111110011"}},"ttl":86400,"timestamp":"2015-01-01T12:00:00Z"},
    {"index":2,"type":"BIN","data":{"format":"base64","value":"/wA="},"permissions":"1100","ttl":"2030-01-01T00:00:00Z","timestamp":"2015-01-01T12:00:00Z"}]}
]`))
	list := writeFile(t, "list.txt", []byte("88.1021.78/LISTED\r\n[\r\n  {\r\n    \"index\": 1,\r\n    \"type\": \"URL\",\r\n    \"data\": {\"format\": \"string\", \"value\": \"https://example.com/\"},\r\n    \"ttl\": 60\r\n  }\r\n]\r\n\r\n"))
	out := first.want(0, "3: 3 stored", "migrate", "handle", "--allocate", rest, list)
	if !strings.Contains(out, "1 records of prefixes say where they are served") {
		t.Error(out)
	}
	first.want(0, "3: 3 the same", "migrate", "handle", "--verify", rest, list)
	first.want(0, "HS_PUBKEY", "resolve", "0.NA/88.1021.78", "--via", "handle-tcp", "--addr", first.handle)

	files := filepath.Join(t.TempDir(), "files")
	plain := filepath.Join(t.TempDir(), "plain.txt")
	first.want(0, "batch text lacks references or absolute TTLs of 1 values", "export", "--format", "handle", "--files", files, "-O", plain)
	text, err := os.ReadFile(plain)
	if err != nil || bytes.Contains(text, []byte("#")) || bytes.Contains(text, []byte("BASE64")) || bytes.Count(text, []byte(" FILE ")) != 3 {
		t.Errorf("%s, %v", text, err)
	}
	second.want(1, "say where the files are", "migrate", "handle", "--dry-run", "--allocate", plain)
	second.want(0, "3: 3 stored", "migrate", "handle", "--allocate", "--files", files, plain)
	again := filepath.Join(t.TempDir(), "again.txt")
	second.want(0, "exported 3 records\n", "export", "--format", "handle", "--files", files, "-O", again)
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%s, %v, want %s", got, err, text)
	}

	// A dump names no other files of this machine, and an enterprise stores no records of prefixes.
	outside := writeFile(t, "outside.txt", []byte("CREATE 88.1021.78/x\n1 URL 1 1110 FILE ../../"+filepath.Base(plain)+"\n\n"))
	second.want(1, "the data are in a file", "migrate", "handle", "--files", files, outside)
	_, key := second.tenant("Alice", "88.1021.79")
	tenant := writeFile(t, "key", []byte(key))
	second.want(1, "88.1021.79: forbidden", "migrate", "handle", "--key-file", tenant,
		writeFile(t, "own.txt", []byte("CREATE 0.NA/88.1021.79\n1 URL 1 1110 UTF8 x\n\nCREATE 88.1021.79/x\n1 URL 1 1110 UTF8 x\n\n")))
	second.want(0, "88.1021.79/x", "get", "88.1021.79/x")
	second.want(4, "does not allocate prefixes", "migrate", "handle", "--allocate", "--key-file", tenant, writeFile(t, "other.txt", []byte("CREATE 88.1021.80/x\n1 URL 1 1110 UTF8 x\n\n")))
}
