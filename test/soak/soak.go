// Package soak keeps the daemon busy with random drift, and verify with containers
// that come and go at random, on real hosts and for as long as one likes.
package soak
