//go:build !race

package file

// memoryFactor is how much more memory a test may take than a program.
const memoryFactor = 1
