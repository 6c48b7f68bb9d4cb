// Package kill ends runs of the product with SIGKILL, or asks them to end by
// another signal, at one instant after another, on a real host, and looks at what is left and at what the next run
// makes of it. All of it is tests.
package kill
