package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// TestSample holds deploy/idnode.yaml to the defaults: it names every key and changes none.
func TestSample(t *testing.T) {
	const path = "../../../deploy/idnode.yaml"
	c, unknown, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(unknown) > 0 {
		t.Errorf("unknown variables %v", unknown)
	}
	want := Default()
	if diff := cmp.Diff(normal(want), normal(c)); diff != "" {
		t.Errorf("the sample differs from the defaults (-default +sample):\n%s", diff)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(string(text), name+":") {
			t.Errorf("the sample does not mention %s", key)
		}
	}
}

// normal makes empty lists nil.
func normal(c Config) Config {
	walk(reflect.ValueOf(&c).Elem(), "", func(_ string, v reflect.Value) {
		if v.Kind() == reflect.Slice && v.Len() == 0 {
			v.SetZero()
		}
	})
	return c
}

func TestPrintRoundTrip(t *testing.T) {
	want := Default()
	want.Node.Prefixes = []string{"88.1021", "oid:1.2.156.10001"}
	want.Store.CacheBytes = 3 << 30
	want.Shutdown.LameDuck = 1500 * time.Millisecond
	out, err := want.Print()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := Load(path, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
		t.Errorf("-printed +loaded:\n%s", diff)
	}
}

func TestEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte("http:\n  listen: 127.0.0.1:1\ngrpc:\n  listen: 127.0.0.1:2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, unknown, err := Load(path, []string{"IDNODE_HTTP_LISTEN=127.0.0.1:3", "IDNODE_NODE_PREFIXES=88.1021, oid:1.2.156.10001",
		"IDNODE_CACHE_BYTES=1MiB", "IDNODE_HANDLE_CASE_INSENSITIVE=false", "IDNODE_HANDEL_LISTEN=x", "PATH=/bin"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Listen != "127.0.0.1:3" || c.GRPC.Listen != "127.0.0.1:2" || c.Cache.Bytes != 1<<20 || c.Handle.CaseInsensitive {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff([]string{"IDNODE_HANDEL_LISTEN"}, unknown); diff != "" {
		t.Errorf("unknown: %s", diff)
	}
	keys, err := c.NodePrefixes()
	if err != nil {
		t.Fatal(err)
	}
	want := []identifier.Key{{Scheme: identifier.Handle, Name: "88.1021"}, {Scheme: identifier.OID, Name: "1.2.156.10001"}}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("prefixes: %s", diff)
	}
}

// TestZones: zones are read as a list, as one name, and from the environment.
func TestZones(t *testing.T) {
	for _, tt := range []struct {
		file, env string
		want      []string
	}{
		{"dns:\n  zone: [a.example, b.example]\n", "", []string{"a.example", "b.example"}},
		{"dns:\n  zone: a.example\n", "", []string{"a.example"}},
		{"dns:\n  zone: a.example\n", "IDNODE_DNS_ZONE=c.example, d.example", []string{"c.example", "d.example"}},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := Load(path, []string{tt.env})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, c.DNS.Zone); diff != "" {
			t.Errorf("%s %s: %s", tt.file, tt.env, diff)
		}
	}
}

func TestCookieSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]string{
		"0123456789abcdef": "0123456789abcdef", "30313233343536373839616263646566\n": "0123456789abcdef", "3031": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := (&DNS{CookieSecretFile: path}).CookieSecret()
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

// TestRoots reads keys of trust roots in all forms.
func TestRoots(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := auth.AppendPublicKey(nil, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	unsuited, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := x509.MarshalPKIXPublicKey(&unsuited.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	public := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}) }
	path := filepath.Join(t.TempDir(), "root=1")
	for _, tt := range []struct {
		name string
		file []byte
		want bool
	}{
		{"PEM", public(der), true},
		{"HS_PUBKEY", raw, true},
		{"HS_PUBKEY in hexadecimal digits", []byte(hex.EncodeToString(raw) + "\n"), true},
		{"HS_PUBKEY in base64", []byte(base64.StdEncoding.EncodeToString(raw) + "\n"), true},
		{"curve that signs nothing here", public(curve), false},
		{"private key", private, false},
		{"nothing", nil, false},
		{"junk", []byte("junk"), false},
	} {
		if err := os.WriteFile(path, tt.file, 0o600); err != nil {
			t.Fatal(err)
		}
		for entry, name := range map[string]string{"0.0/0.0=" + path: "0.0/0.0", "88.111.1/0.0=" + path: "88.111.1/0.0"} {
			roots, err := (&Handle{TrustRoots: []string{entry}}).Roots()
			if !tt.want {
				if err == nil || !strings.Contains(err.Error(), "handle.trust_roots: "+path+": ") {
					t.Errorf("%s: %v", tt.name, err)
				}
				continue
			}
			if err != nil || len(roots) != 1 || roots[0].Handle != name || !key.PublicKey.Equal(roots[0].Key) {
				t.Errorf("%s as %s: %+v, %v", tt.name, entry, roots, err)
			}
		}
	}
	plain := filepath.Join(t.TempDir(), "root")
	if err := os.WriteFile(plain, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := (&Handle{TrustRoots: []string{plain, "88.111.1/0.0=" + plain}}).Roots()
	if err != nil || len(roots) != 2 || roots[0].Handle != "0.0/0.0" || roots[1].Handle != "88.111.1/0.0" {
		t.Errorf("two: %+v, %v", roots, err)
	}
}

func TestHomed(t *testing.T) {
	c := Default()
	c.Handle.Homed = []string{"0.NA/0.NA/88.990", "0.na/88.990", "88.990.1001"}
	keys, err := c.HomedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	want := []identifier.Key{{Scheme: identifier.Handle, Name: "88.990"}, {Scheme: identifier.Handle, Name: "88.990.1001"}}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "http:\n  lissen: x\n", `unknown key "http.lissen"`},
		{"unknown section", "htpp:\n  listen: x\n", `unknown key "htpp.listen"`},
		{"no yaml", "a: [", "read configuration"},
		{"no size", "cache:\n  bytes: lots\n", "is no size"},
		{"no duration", "shutdown:\n  lame_duck: soon\n", "lame_duck"},
		{"several at once", "http:\n  listen: nowhere\nlog:\n  format: xml\n", "log.format"},
		{"port", "http:\n  listen: 127.0.0.1:70000\n", "70000"},
		{"prefix", "node:\n  prefixes: [\"88..1\"]\n", "node.prefixes"},
		{"prefix without quotes", "node:\n  prefixes: [88.1020]\n", "put it in quotes"},
		{"one prefix without quotes", "node:\n  prefixes: 88.1020\n", "put it in quotes"},
		{"scheme", "node:\n  prefixes: [\"isbn:978\"]\n", `unknown scheme "isbn"`},
		{"engine", "store:\n  engine: tikv\n", "store.engine"},
		{"negative", "limits:\n  batch_rows: -1\n", "limits.batch_rows"},
		{"public URL", "http:\n  public_url: id.example\n", "http.public_url"},
		{"public URL with a path", "http:\n  public_url: https://id.example/a\n", "http.public_url"},
		{"redirects to scripts", "http:\n  redirect_schemes: [https, javascript]\n", "http.redirect_schemes"},
		{"redirects to a URL", "http:\n  redirect_schemes: [\"https:\"]\n", "http.redirect_schemes"},
		{"certificate without key", "http:\n  tls_cert_file: /nonexistent/cert\n", "http.tls_cert_file"},
		{"certificate", "http:\n  tls_cert_file: /nonexistent/cert\n  tls_key_file: /nonexistent/key\n", "http.tls_cert_file"},
		{"site file", "handle:\n  site_file: /nonexistent/site\n", "handle.site_file"},
		{"key file", "handle:\n  server_key_file: /nonexistent/key\n", "handle.server_key_file"},
		{"root file", "handle:\n  trust_roots: [/nonexistent/root]\n", "handle.trust_roots: open /nonexistent/root: no such file"},
		{"root file and its handle", "handle:\n  trust_roots: [\"88.111.1/0.0=/nonexistent/root\"]\n", "open /nonexistent/root: no such file"},
		{"root's handle", "handle:\n  trust_roots: [\"88.111.1=/nonexistent/root\"]\n", `"88.111.1" is no handle`},
		{"zone", "dns:\n  zone: [\"a..b\"]\n", `"a..b" is not a domain name`},
		{"no zone", "dns:\n  zone: []\n", "dns.zone"},
		{"suspended", "dns:\n  suspended: hidden\n", "dns.suspended"},
		{"ttl", "dns:\n  negative_ttl: -1s\n", "dns.negative_ttl"},
		{"slip", "dns:\n  rrl_slip: -1\n", "dns.rrl_slip"},
		{"dns address", "dns:\n  public_ip: here\n", "dns.public_ip"},
		{"cookie file", "dns:\n  cookie_secret_file: /nonexistent/key\n", "dns.cookie_secret_file"},
		{"nsi file", "ecode:\n  nsi_file: /nonexistent/nsi\n", "ecode.nsi_file"},
		{"network", "limits:\n  udp_exempt: [somewhere]\n", "limits.udp_exempt"},
		{"admin", "handle:\n  server_admins: [\"88.990/srvadmin\"]\n", "handle.server_admins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := Load(path, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); err == nil {
		t.Error("a missing file was read")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "17": 17, "17B": 17, "64KiB": 64 << 10, "1 GiB": 1 << 30} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5MiB", "9999999TiB", "1MB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}
