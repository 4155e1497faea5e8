package node

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
)

func TestTells(t *testing.T) {
	var keys [2][]byte
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if keys[i], err = auth.AppendPublicKey(nil, k.Public()); err != nil {
			t.Fatal(err)
		}
	}
	site := &handle.Site{Servers: []handle.Server{{ID: 1}, {ID: 2, PublicKey: append(keys[0], 0, 0, 0, 0)}}} // four octets as Handle.Net writes
	if !tells(site, keys[0]) || tells(site, keys[1]) || tells(&handle.Site{}, keys[0]) {
		t.Errorf("%v %v", tells(site, keys[0]), tells(site, keys[1]))
	}
}
