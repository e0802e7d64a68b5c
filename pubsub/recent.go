package pubsub

import "container/list"

// recent is a map of bounded size that forgets what was used least recently.
// It is not safe for concurrent use.
type recent[K comparable, V any] struct {
	size  int
	order *list.List // of *entry[K, V], most recently used first
	at    map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](size int) *recent[K, V] {
	return &recent[K, V]{size: size, order: list.New(), at: make(map[K]*list.Element)}
}

// get returns the value of key and marks it used.
func (r *recent[K, V]) get(key K) (V, bool) {
	e, ok := r.at[key]
	if !ok {
		var none V
		return none, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// put sets the value of key and marks it used.
func (r *recent[K, V]) put(key K, value V) {
	if e, ok := r.at[key]; ok {
		e.Value.(*entry[K, V]).value = value
		r.order.MoveToFront(e)
		return
	}
	r.at[key] = r.order.PushFront(&entry[K, V]{key, value})
	if r.order.Len() > r.size {
		last := r.order.Back()
		r.order.Remove(last)
		delete(r.at, last.Value.(*entry[K, V]).key)
	}
}

// values returns all values, most recently used first.
func (r *recent[K, V]) values() []V {
	all := make([]V, 0, len(r.at))
	for e := r.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*entry[K, V]).value)
	}
	return all
}
