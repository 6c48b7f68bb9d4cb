// Package soak tests the daemon with random drift, and verify with containers
// that come and go at random, on real hosts and for any length of time.
package soak
