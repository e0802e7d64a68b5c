// Package pb is the generated encoding of identity's signed statements. Only
// package identity reads and writes it; everybody else uses identity's types.
package pb
