package store

// Lax returns the options with synced writes off, for the test that shows what
// they are for.
func (o Options) Lax() Options {
	o.lax = true
	return o
}
