package courier

// Lines returns how many lines there are.
func (c *Courier) Lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}
