package store

import badger "github.com/dgraph-io/badger/v4"

// Lax returns the options with synced writes off, for the test that shows what
// they are for.
func (o Options) Lax() Options {
	o.lax = true
	return o
}

// Damage changes the values under a prefix's first key, behind the store's back.
func (s *Store) Damage(prefix []byte, fn func([]byte) []byte) error {
	return s.db.Update(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = prefix
		it := txn.NewIterator(o)
		it.Rewind()
		if !it.ValidForPrefix(prefix) {
			it.Close()
			return nil
		}
		k := it.Item().KeyCopy(nil)
		v, err := it.Item().ValueCopy(nil)
		it.Close()
		if err != nil {
			return err
		}
		return txn.Set(k, fn(v))
	})
}
