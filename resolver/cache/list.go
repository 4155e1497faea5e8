package cache

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/idnode/idnode/proto/identifier"
)

// list is one LRU with its bound in octets.
type list[V any] struct {
	lru   *simplelru.LRU[identifier.Key, item[V]]
	bytes int64
	max   int64
}

type item[V any] struct {
	v    V
	size int64
}

func (l *list[V]) init(max int64) (err error) {
	l.max = max
	// The bound in entries is never reached; the one in octets is ours.
	l.lru, err = simplelru.NewLRU(math.MaxInt, func(_ identifier.Key, it item[V]) { l.bytes -= it.size })
	return err
}

// add puts v under k, which is not in the list, and returns how many others had to go for it. What is larger than
// the list is not kept.
func (l *list[V]) add(k identifier.Key, v V, size int64) (evicted int) {
	if size > l.max {
		return 0
	}
	l.lru.Add(k, item[V]{v, size})
	for l.bytes += size; l.bytes > l.max; evicted++ {
		l.lru.RemoveOldest()
	}
	return evicted
}
