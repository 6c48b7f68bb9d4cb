// Command timer runs the race given as JSON on standard input and prints its
// result as JSON. It is a separate program because it must be small: no entrant
// can be measured below its memory.
package main

import "runsc-provisioner/test/bench/race"

func main() { race.Main("timer", nil) }
