//go:build race

package file

// memoryFactor is how much more memory the race detector takes.
const memoryFactor = 5
