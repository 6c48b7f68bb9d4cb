// Command timer runs the race given as JSON on standard input and prints its
// result as JSON. It is a program of its own because it has to be small: its
// memory is the least that can be seen of what it runs.
package main

import "runsc-provisioner/test/bench/race"

func main() { race.Main("timer", nil) }
