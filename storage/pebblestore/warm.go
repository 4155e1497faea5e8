package pebblestore

// warm brings the filters and the tops of the indexes of all tables into the block cache, so that the
// first lookup in a table does not wait for them: a filter is one block of some hundred kilobytes. It
// leaves half of the cache to rows, and ends when the store is closed.
func (s *Store) warm(cacheBytes int64) {
	defer s.loops.Done()
	levels, err := s.db.SSTables()
	if err != nil {
		return // lookups will say so
	}
	n := 0
	for i := len(levels) - 1; i >= 0; i-- { // the last level has the most
		for _, table := range levels[i] {
			select {
			case <-s.closing:
				return
			case <-s.failed:
				return // Pebble may have left the lock locked that its metrics need
			default:
			}
			if n++; n%16 == 0 && s.db.Metrics().BlockCache.Size > cacheBytes/2 {
				return
			}
			if _, iter, err := find(s.db, table.Smallest.UserKey); err == nil {
				iter.Close()
			}
		}
	}
}
