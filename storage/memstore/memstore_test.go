package memstore_test

import (
	"testing"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storage.Store { return memstore.New() })
}
