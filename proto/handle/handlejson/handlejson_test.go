package handlejson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

func parse(body []byte) ([]identifier.Value, error) {
	_, values, err := handlejson.ParseBody(body)
	return values, err
}

// TestRoundTrip: the values of all captured records are the same again.
func TestRoundTrip(t *testing.T) {
	n := 0
	for _, r := range append(handletest.Records(t), handletest.RootRecords(t)...) {
		forms := make([]handlejson.Value, len(r.Values))
		for i := range r.Values {
			forms[i] = handlejson.FromValue(&r.Values[i])
		}
		body, err := json.Marshal(map[string]any{"handle": r.ID, "values": forms})
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(body)
		if err != nil || len(got) != len(r.Values) {
			t.Errorf("%s: %v\n%s", r.ID, err, body)
			continue
		}
		for i := range got {
			want := r.Values[i]
			want.Timestamp = 0
			if want.Type == "HS_PUBKEY" { // the four octets behind are not kept
				k, err := handle.ParsePublicKey(want.Data)
				if err == nil {
					want.Data = handle.AppendPublicKey(nil, k)
				}
			}
			if len(want.Data) == 0 {
				want.Data, got[i].Data = nil, nil
			}
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("%s, value %d: %+v, want %+v", r.ID, want.Index, got[i], want)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("only %d values", n)
	}
}

func TestSite(t *testing.T) {
	site, err := handle.ParseSite(handletest.Site(t))
	if err != nil {
		t.Fatal(err)
	}
	site.Hash = handle.HashSuffix
	body, err := json.Marshal(handlejson.FromSite(site))
	if err != nil {
		t.Fatal(err)
	}
	got, err := handlejson.ParseSite(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	again, err := json.Marshal(handlejson.FromSite(got))
	if err != nil || string(again) != string(body) {
		t.Errorf("%v\n%s\n%s", err, body, again)
	}
}

func TestParseBody(t *testing.T) {
	text := func(index uint32, data string) identifier.Value {
		return identifier.Value{Index: index, Type: "T", Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	}
	absolute := text(1, "a")
	absolute.TTLType, absolute.TTL = identifier.Absolute, 1<<30
	private := text(1, "a")
	private.Perms, private.TTL = identifier.AdminRead|identifier.AdminWrite, 600
	referring := text(1, "a")
	referring.Refs = []identifier.Ref{{Handle: "88.1/x", Index: 300}}
	admin := text(1, "")
	admin.Data = handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAddHandle, Ref: identifier.Ref{Handle: "88.1/a", Index: 300}})
	legacy := admin
	legacy.Data = append(append([]byte(nil), admin.Data...), 0, 0)
	list := text(1, "")
	list.Data = handle.AppendRefs(nil, []identifier.Ref{{Handle: "88.1/a", Index: 300}})
	for body, want := range map[string][]identifier.Value{
		`[]`:                                  {},
		`{"values":[]}`:                       {},
		`[{"index":1,"type":"T","data":"a"}]`: {text(1, "a")},
		` {"handle":"x","values":[{"data":"a","type":"T","index":2}],"more":{"a":[1]}} `:                                                                  {text(2, "a")},
		`{"index":1,"type":"T","data":"a","more":1}`:                                                                                                      {text(1, "a")},
		`[{"type":"T","data":"轴承"}]`:                                                                                                                      {text(0, "轴承")},
		`[{"index":1,"type":"T","data":{"format":"string","value":"a"}}]`:                                                                                 {text(1, "a")},
		`[{"index":1,"type":"T","data":{"format":"base64","value":"YQ=="}}]`:                                                                              {text(1, "a")},
		`[{"index":1,"type":"T","data":{"format":"hex","value":"61"}}]`:                                                                                   {text(1, "a")},
		`[{"index":1,"type":"T","data":"a","ttl":"2004-01-10T13:37:04Z"}]`:                                                                                {absolute},
		`[{"index":1,"type":"T","data":"a","ttl":600,"permissions":"1100"}]`:                                                                              {private},
		`[{"index":1,"type":"T","data":"a","references":[{"handle":"88.1/x","index":300}]}]`:                                                              {referring},
		`[{"index":1,"type":"T","data":{"format":"admin","value":{"handle":"88.1/a","index":300,"permissions":"000000000001"}}}]`:                         {admin},
		`[{"index":1,"type":"T","data":{"format":"admin","value":{"handle":"88.1/a","index":300,"permissions":"000000000001","legacyByteLength":true}}}]`: {legacy},
		`[{"index":1,"type":"T","data":{"format":"vlist","value":[{"handle":"88.1/a","index":300}]}}]`:                                                    {list},
	} {
		got, err := parse([]byte(body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	many := "[" + strings.Repeat(`{"index":1,"type":"T","data":"a"},`, 1e6) + "0]"
	for body, path := range map[string]string{
		``:                                   "",
		`not json`:                           "",
		`"text"`:                             "",
		`{"index":1,"type":"T"}`:             "values",
		`{"index":-1,"type":"T","data":"a"}`: "index",
		`{"handle":7,"values":[]}`:           "handle",
		`{}`:                                 "values",
		`{"values":{}}`:                      "values",
		`[] []`:                              "",
		`[{"index":1,"type":"T","data":"a"}`: "values",
		`[1]`:                                "values[0]",
		`[{"index":1,"type":"T","data":"a"},{"index":-1,"type":"T","data":"a"}]`:                                     "values[1].index",
		`[{"index":2147483648,"type":"T","data":"a"}]`:                                                               "values[0].index",
		`[{"index":"1","type":"T","data":"a"}]`:                                                                      "values[0].index",
		`[{"index":1,"data":"a"}]`:                                                                                   "values[0].type",
		`[{"index":1,"type":"T"}]`:                                                                                   "values[0].data",
		`[{"index":1,"type":"T","data":null}]`:                                                                       "values[0].data",
		`[{"index":1,"type":"T","data":7}]`:                                                                          "values[0].data",
		`[{"index":1,"type":"T","data":{"format":"string"}}]`:                                                        "values[0].data.value",
		`[{"index":1,"type":"T","data":{"format":"rot13","value":"a"}}]`:                                             "values[0].data.format",
		`[{"index":1,"type":"T","data":{"format":"hex","value":"6"}}]`:                                               "values[0].data.value",
		`[{"index":1,"type":"T","data":{"format":"admin","value":{"handle":"x","index":"300","permissions":"1"}}}]`:  "values[0].data.value.index",
		`[{"index":1,"type":"T","data":{"format":"admin","value":{"handle":"x","index":300,"permissions":"12"}}}]`:   "values[0].data.value.permissions",
		`[{"index":1,"type":"T","data":{"format":"key","value":{"kty":"RSA","n":"AQ","e":"!"}}}]`:                    "values[0].data.value.e",
		`[{"index":1,"type":"T","data":{"format":"key","value":{"kty":"EC"}}}]`:                                      "values[0].data.value.kty",
		`[{"index":1,"type":"T","data":{"format":"site","value":{"servers":[{"serverId":1,"address":"nowhere"}]}}}]`: "values[0].data.value.servers[0].address",
		`[{"index":1,"type":"T","data":{"format":"site","value":{"protocolVersion":"two"}}}]`:                        "values[0].data.value.protocolVersion",
		`[{"index":1,"type":"T","data":"a","ttl":"soon"}]`:                                                           "values[0].ttl",
		`[{"index":1,"type":"T","data":"a","ttl":1e10}]`:                                                             "values[0].ttl",
		`[{"index":1,"type":"T","data":"a","permissions":"11100"}]`:                                                  "values[0].permissions",
		fmt.Sprintf(`[{"index":1,"type":"T","data":%q}]`, strings.Repeat("x", handlejson.MaxData+1)):                 "values[0].data",
		strings.Repeat("[", 1e6):                                                                                     "values[0]",
		many:                                                                                                         "values",
	} {
		got, err := parse([]byte(body))
		e, ok := errors.AsType[*handlejson.Error](err)
		if !ok || e.Path != path {
			t.Errorf("%.100s: %v, %v; want an error at %q", body, got, err, path)
		}
	}
}

func FuzzParseBody(f *testing.F) {
	for _, r := range handletest.Records(f) {
		for i := range r.Values {
			body, err := json.Marshal([]handlejson.Value{handlejson.FromValue(&r.Values[i])})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		values, err := parse(body)
		if err != nil {
			return
		}
		forms := make([]handlejson.Value, len(values))
		for i := range values {
			forms[i] = handlejson.FromValue(&values[i])
		}
		again, err := json.Marshal(forms)
		if err != nil {
			t.Fatal(err)
		}
		second, err := parse(again)
		if err != nil {
			t.Fatalf("%v: %s", err, again)
		}
		for i := range second {
			a, b := values[i], second[i]
			a.Data, b.Data = nil, nil // structures lose what stands behind them
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%+v became %+v", a, b)
			}
		}
	})
}
