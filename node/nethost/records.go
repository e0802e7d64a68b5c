package nethost

import (
	"context"
	"sync"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// records keeps what others leave with our DHT server, in memory and bounded:
// the DHT itself would take as much as they send. When it is full, new records
// are dropped; those that leave them ask several nodes, and leave them again.
type records struct {
	max int

	mu  sync.RWMutex
	all map[datastore.Key][]byte
}

var _ datastore.Batching = (*records)(nil)

func newRecords(limit int) *records {
	return &records{max: limit, all: make(map[datastore.Key][]byte)}
}

// Put keeps a record if there is room.
func (r *records) Put(_ context.Context, k datastore.Key, v []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.all[k]; !have && len(r.all) >= r.max || len(v) > maxRecord {
		return nil
	}
	r.all[k] = v
	return nil
}

// Get returns a record.
func (r *records) Get(_ context.Context, k datastore.Key) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := r.all[k]
	if !ok {
		return nil, datastore.ErrNotFound
	}
	return v, nil
}

// Has reports whether there is a record.
func (r *records) Has(_ context.Context, k datastore.Key) (bool, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.all[k]
	return ok, nil
}

// GetSize returns the length of a record.
func (r *records) GetSize(ctx context.Context, k datastore.Key) (int, error) {
	v, err := r.Get(ctx, k)
	return len(v), err
}

// Delete forgets a record.
func (r *records) Delete(_ context.Context, k datastore.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, k)
	return nil
}

// Query returns the records that q asks for.
func (r *records) Query(_ context.Context, q query.Query) (query.Results, error) {
	prefix := datastore.NewKey(q.Prefix)
	r.mu.RLock()
	var found []query.Entry
	for k, v := range r.all {
		if q.Prefix != "" && !prefix.IsAncestorOf(k) && k != prefix {
			continue
		}
		e := query.Entry{Key: k.String(), Size: len(v)}
		if !q.KeysOnly {
			e.Value = v
		}
		found = append(found, e)
	}
	r.mu.RUnlock()
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, found)), nil
}

// Batch returns a batch that is applied record by record.
func (r *records) Batch(context.Context) (datastore.Batch, error) {
	return datastore.NewBasicBatch(r), nil
}

// Sync does nothing: there is nothing but memory.
func (r *records) Sync(context.Context, datastore.Key) error { return nil }

// Close does nothing.
func (r *records) Close() error { return nil }
