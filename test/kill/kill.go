// Package kill tests that a run of the product may be killed, or ended by a
// signal, at any instant: it does so at one after another on a real host, and
// checks what is left and what the next run does. It has only tests.
package kill
