// Package terms cuts text into the terms of the search index, and a query into
// the terms to look for.
//
// Both are brought into NFKC and lower case first. Letters and digits make
// words; in Han, Kana and Hangul, which are written without spaces, every two
// neighbours make a term, and the last character of a run makes one by itself,
// so that a single character is found as a beginning of terms.
//
// The package is pure and knows nothing of the store.
package terms
